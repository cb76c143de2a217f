#pragma once  // internal
/// \file Results that are not computed yet, and what the compiler says where one is used like a Variable.

#include <type_traits>

#include "unroll/autograd/array_view.hpp"

namespace unroll {

template <class T>
class Variable;

namespace detail {

/// Refuses what only a Variable has.
template <class X>
constexpr void refuse_unevaluated() {
  static_assert(never<X>,
                "this is not computed yet: make a Variable of it first, as in `Variable y = a * b;`");
}

/// Refuses a list of expressions.
template <class E>
Variable<typename E::value_type> refuse_list() {
  static_assert(
      never<E>,
      "the arrays of a list are Variables: give the element type, as in `concat<float>({a * b, c})`");
  return {};
}

/// The members of a Variable that an op's result of class Self does not have before it is computed. Each is one error;
/// they are templates, so that it comes up where one is used.
template <class T, class Self>
struct Unevaluated {
  /// The value as a constant, computed now.
  Variable<T> detach() const { return static_cast<const Self&>(*this).evaluate().detach(); }

  template <class... X>
  void backward(const X&...) const {
    refuse_unevaluated<Unevaluated<T, std::void_t<X...>>>();
  }
  template <class Now = Self>
  auto value() const -> ArrayView<T> {
    return refuse_unevaluated<Now>(), *static_cast<const ArrayView<T>*>(nullptr);
  }
  template <class Now = Self>
  auto grad() const -> ArrayView<T> {
    return refuse_unevaluated<Now>(), *static_cast<const ArrayView<T>*>(nullptr);
  }
  template <class Now = Self>
  T item() const {
    return refuse_unevaluated<Now>(), T();
  }
  template <class Now = Self>
  const Shape& shape() const {
    return refuse_unevaluated<Now>(), *static_cast<const Shape*>(nullptr);
  }
  template <class Now = Self>
  index_t shape(int) const {
    return refuse_unevaluated<Now>(), 0;
  }
  template <class Now = Self>
  int rank() const {
    return refuse_unevaluated<Now>(), 0;
  }
  template <class Now = Self>
  index_t size() const {
    return refuse_unevaluated<Now>(), 0;
  }
  template <class X>
  Self& operator+=(const X&) {
    return refuse_unevaluated<X>(), static_cast<Self&>(*this);
  }
  template <class X>
  Self& operator-=(const X&) {
    return refuse_unevaluated<X>(), static_cast<Self&>(*this);
  }
  template <class X>
  Self& operator*=(const X&) {
    return refuse_unevaluated<X>(), static_cast<Self&>(*this);
  }
  template <class X>
  Self& operator/=(const X&) {
    return refuse_unevaluated<X>(), static_cast<Self&>(*this);
  }
};

/// Ops on arrays of float and of double at once.
template <class X>
struct element_of {};
template <class X>
requires(Lazy<X>) struct element_of<X> {
  using type = typename X::value_type;
};
template <class T>
struct element_of<Variable<T>> {
  using type = T;
};
template <class X>
concept ArrayOperand = requires {
  typename element_of<std::decay_t<X>>::type;
};
template <class A, class... B>
concept Mixed = ArrayOperand<A> &&(ArrayOperand<B>&&...) &&
                !(std::is_same_v<typename element_of<std::decay_t<A>>::type,
                                 typename element_of<std::decay_t<B>>::type> &&
                  ...);
template <class A, class... B>
constexpr void refuse_mixed() {
  static_assert(
      !Mixed<A, B...>,
      "float and double Variables do not mix in one op: convert one, as in `Variable<double>(x.value())`");
}
/// The same where it is known already that T meets the other type.
template <class T>
constexpr void refuse_mixed_operands() {
  refuse_mixed<Variable<T>, Variable<std::conditional_t<std::is_same_v<T, float>, double, float>>>();
}

}  // namespace detail
}  // namespace unroll
