#pragma once  // internal
/// \file Expressions: trees of ops with handles to their inputs, and how they are computed.

#include <tuple>
#include <utility>

#include "unroll/detail/autograd/base/common_shape.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"
#include "unroll/detail/autograd/fused/kernel.hpp"

namespace unroll {
namespace detail {
template <bool elementwise>
constexpr void check_elementwise() {
  static_assert(elementwise,
                "the lambda given to fuse() computes element by element: a reduction or another Variable "
                "cannot be part of "
                "it; hand it in as an argument");
}
}  // namespace detail

inline namespace UNROLL_ISA {

/// An input of an expression: a Variable held by its handle.
template <class T>
struct Input {
  using value_type = T;
  detail::TensorRef<T> tensor;
};

/// The k-th argument of a lambda given to fuse().
template <class T, int K>
struct Argument {
  using value_type = T;
  Variable<T> evaluate() const {
    detail::check_elementwise < K<0>();
    return {};
  }
};

/// The arguments of an op.
template <class... A>
struct Arguments;
template <class A>
struct Arguments<A> {
  A a;
  void each(auto&& f) const { f(a); }
};
template <class A, class B>
struct Arguments<A, B> {
  A a;
  B b;
  void each(auto&& f) const { f(a), f(b); }
};
template <class A, class B, class C>
struct Arguments<A, B, C> {
  A a;
  B b;
  C c;
  void each(auto&& f) const { f(a), f(b), f(c); }
};

/// An op on operands, not computed yet. It holds its inputs, so it is safe to keep (`auto e = a * b;`);
/// each use of it computes it again: write `Variable e = a * b;` to compute it once.
template <class Op, class T, class... A>
struct Expr : detail::Unevaluated<T, Expr<Op, T, A...>> {
  using value_type = T;
  Arguments<A...> arguments;
  detail::CommonShape common;
  Variable<T> evaluate() const;
};

}  // namespace UNROLL_ISA

/// The sum of products that linear() returns; see linear.hpp.
template <class T>
class LinearSum;

namespace detail {
inline namespace UNROLL_ISA {

template <class X>
struct operand_traits : std::false_type {};
template <class T>
struct operand_traits<Variable<T>> : std::true_type {};
template <class T>
struct operand_traits<unroll::LinearSum<T>> : std::true_type {};
template <class T, int K>
struct operand_traits<Argument<T, K>> : std::true_type {};
template <class Op, class T, class... A>
struct operand_traits<Expr<Op, T, A...>> : std::true_type {};

template <class X>
concept Operand = operand_traits<std::decay_t<X>>::value;
template <class X>
concept Number = std::is_arithmetic_v<std::decay_t<X>>;
template <class... X>
concept Operands = (Operand<X> || ...) && ((Operand<X> || Number<X> || XtExpression<X>)&&...);

// The element type of the operands, which must agree.
template <class... X>
struct element_type;
template <class X, class... Rest>
struct element_type<X, Rest...> : element_type<Rest...> {};
template <class X, class... Rest>
requires Operand<X>
struct element_type<X, Rest...> {
  using type = typename std::decay_t<X>::value_type;
};

template <class T, class... X>
inline constexpr bool one_type = true;
template <class T, class X, class... Rest>
inline constexpr bool one_type<T, X, Rest...> = one_type<T, Rest...>;
template <class T, Operand X, class... Rest>
inline constexpr bool one_type<T, X, Rest...> =
    std::is_same_v<typename std::decay_t<X>::value_type, T>&& one_type<T, Rest...>;

/// A number in an expression.
template <class T>
struct Const {
  T c;
};

template <class T, class X>
auto as_argument(X&& x) {
  using D = std::decay_t<X>;
  if constexpr (Number<X>) {
    return Const<T>{static_cast<T>(x)};
  } else if constexpr (XtExpression<X>) {
    return Input<T>{Variable<T>(x).ref()};  // a constant
  } else {
    if constexpr (std::is_same_v<D, Variable<T>>) {
      return Input<T>{std::forward<X>(x).ref()};
    } else if constexpr (std::is_same_v<D, unroll::LinearSum<T>>) {
      return Input<T>{Variable<T>(std::forward<X>(x)).ref()};
    } else {
      return D(std::forward<X>(x));
    }
  }
}

template <class A>
struct is_symbolic : std::false_type {};
template <class T, int K>
struct is_symbolic<Argument<T, K>> : std::true_type {};
template <class Op, class T, class... A>
struct is_symbolic<Expr<Op, T, A...>> : std::bool_constant<(is_symbolic<A>::value || ...)> {};

template <class T>
const Shape* shape_of(const char* op, const Input<T>& x) {
  if (!x.tensor) raise<UsageError>("{}: an argument is an empty Variable; assign a value to it first", op);
  return &x.tensor->shape;
}
template <class T>
const Shape* shape_of(const char*, const Const<T>&) {
  return nullptr;
}
template <class Op, class T, class... A>
const Shape* shape_of(const char*, const Expr<Op, T, A...>& x) {
  return &*x.common;
}

template <class Op, class... X>
UNROLL_INLINE auto make_expr(X&&... x) {
  using T = typename element_type<X...>::type;
  if constexpr (!one_type<T, X...>) {
    refuse_mixed_operands<T>();
    return Variable<T>();
  } else {
    using E = Expr<Op, T, decltype(as_argument<T>(std::forward<X>(x)))...>;
    E e{{}, {as_argument<T>(std::forward<X>(x))...}, {}};
    if constexpr (!is_symbolic<E>::value) {
      e.arguments.each([&](const auto& a) {
        if (const Shape* s = shape_of(Op::name, a)) e.common.include(Op::name, *s);
      });
    }
    return e;
  }
}

// --- the tree without its handles ------------------------------------------------------------------------

template <class A>
struct stripped;
template <class T>
struct stripped<Input<T>> {
  using type = Slot;
};
template <class T>
struct stripped<Const<T>> {
  using type = Literal;
};
template <class T, int K>
struct stripped<Argument<T, K>> {
  using type = Arg<K>;
};
template <class Op, class T, class... A>
struct stripped<Expr<Op, T, A...>> {
  using type = Tree<Op, typename stripped<A>::type...>;
};

/// Writes the inputs and numbers of an expression, in order of appearance.
template <class T>
void gather(const Input<T>& x, Tensor<T>**& inputs, T*&) {
  *inputs++ = x.tensor.get();
}
template <class T>
void gather(const Const<T>& x, Tensor<T>**&, T*& numbers) {
  *numbers++ = x.c;
}
template <class T, int K>
void gather(const Argument<T, K>&, Tensor<T>**&, T*&) {}
template <class Op, class T, class... A>
void gather(const Expr<Op, T, A...>& e, Tensor<T>**& inputs, T*& numbers) {
  e.arguments.each([&](const auto& a) { gather(a, inputs, numbers); });
}

}  // namespace UNROLL_ISA

template <class Op, class T, class... A>
struct is_lazy<Expr<Op, T, A...>> : std::true_type {};
template <class T, int K>
struct is_lazy<Argument<T, K>> : std::true_type {};
}  // namespace detail

inline namespace UNROLL_ISA {

template <class Op, class T, class... A>
Variable<T> Expr<Op, T, A...>::evaluate() const {
  if constexpr (detail::is_symbolic<Expr>::value) {
    detail::check_elementwise<!detail::is_symbolic<Expr>::value>();
    return {};
  } else {
    using Stripped = typename detail::stripped<Expr>::type;
    std::array<detail::Tensor<T>*, detail::tree_size<Stripped>.leaves> inputs;
    T numbers[detail::tree_size<Stripped>.numbers + 1];
    detail::Tensor<T>** next_input = inputs.data();
    T* next_number = numbers;
    detail::gather(*this, next_input, next_number);
    if constexpr ((std::is_same_v<A, Input<T>> && ...)) {
      return detail::run_compiled<T>(Op::id, inputs.data(), *common);
    } else {
      return detail::run_fused<T, Stripped>(numbers, inputs, *common)[0];
    }
  }
}

}  // namespace UNROLL_ISA

namespace detail {
inline namespace UNROLL_ISA {

/// Made of a lambda's arguments and of numbers alone.
template <class E>
inline constexpr bool is_elementwise = false;
template <class T>
inline constexpr bool is_elementwise<Const<T>> = true;
template <class T, int K>
inline constexpr bool is_elementwise<Argument<T, K>> = true;
template <class Op, class T, class... A>
inline constexpr bool is_elementwise<Expr<Op, T, A...>> = (is_elementwise<A> && ...);

/// A lambda's results, some of which may be plain numbers.
template <class T, class... E, std::size_t L>
std::array<Variable<T>, sizeof...(E)> run_lambda(const std::array<Tensor<T>*, L>& inputs, const Shape& shape,
                                                 const E&... outputs) {
  constexpr bool elementwise = (is_elementwise<E> && ...);
  check_elementwise<elementwise>();
  if constexpr (elementwise) {
    T numbers[(1 + ... + tree_size<typename stripped<E>::type>.numbers)];
    Tensor<T>** no_input = nullptr;
    T* next_number = numbers;
    (gather(outputs, no_input, next_number), ...);
    return run_fused<T, typename stripped<E>::type...>(numbers, inputs, shape);
  } else {
    return {};
  }
}

template <class T, class E>
auto as_result(const E& e) {
  if constexpr (Number<E>) {
    return Const<T>{static_cast<T>(e)};
  } else {
    return e;
  }
}

template <class X>
struct is_tuple : std::false_type {};
template <class... X>
struct is_tuple<std::tuple<X...>> : std::true_type {};
template <class X, class Y>
struct is_tuple<std::pair<X, Y>> : std::true_type {};

template <class T, class F, std::size_t... K>
auto trace_lambda(F&& f, std::index_sequence<K...>) {
  return f(Argument<T, static_cast<int>(K)>{}...);
}

}  // namespace UNROLL_ISA
}  // namespace detail

}  // namespace unroll
