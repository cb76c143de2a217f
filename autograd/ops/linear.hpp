#pragma once
/// \file linear: x Wᵀ + b, and sums of several that accumulate into one array.

#include <type_traits>
#include <utility>

#include "unroll/detail/autograd/ops/linear_addition.hpp"

namespace unroll {

/// What:   Σ x_k W_kᵀ + Σ b_k (+ an array), computed when a Variable is needed, once.
/// `linear(x, W, b) + linear(h, U)` and `x + linear(h, U)` accumulate into one array without temporaries.
/// A named one (`auto a = linear(x, W);`) is computed at its first use and keeps that result.
/// Errors: UsageError where an operand changed by update() between linear() and the first use.
template <class T>
class LinearSum {
 public:
  using value_type = T;
  static constexpr int max_terms = 3;  ///< that one sum takes
  /// One x Wᵀ + b, and the versions of its operands when it was written down.
  struct Term {
    Variable<T> x, w, b;                                        ///< b may be empty
    std::uint32_t x_version = 0, w_version = 0, b_version = 0;  ///< when it was written down
  };

  /// x Wᵀ + b, to be computed.
  LinearSum(const Variable<T>& x, const Variable<T>& w, const Variable<T>& b);
  /// Of the result.
  const Shape& shape() const { return shape_; }
  /// Computes the sum, or returns what was computed before.
  const Variable<T>& evaluate() const;

  /// this + other, in one array; both are given up.
  LinearSum plus(LinearSum&& other) &&;
  /// x + this.
  LinearSum plus(Variable<T> x) &&;

 private:
  LinearSum() = default;
  void compute() const;

  mutable std::array<Term, max_terms> terms_;
  mutable Variable<T> addend_;
  mutable Variable<T> result_;
  Shape shape_;
  int count_ = 0;
};

/// What:   x Wᵀ + b.
/// Shapes: x (…, I), W (O, I), b (O,) → (…, O); rank 1 to 5.
/// Errors: ShapeError naming the operands; UsageError for an empty Variable.
/// Cost:   with up to 128 rows of x a packed copy of W is kept with W until it is updated.
template <class T>
LinearSum<T> linear(const Variable<T>& x, const Variable<T>& w, const Variable<T>& b) {
  return LinearSum<T>(x, w, b);
}
/// x Wᵀ.
template <class T>
LinearSum<T> linear(const Variable<T>& x, const Variable<T>& w) {
  return LinearSum<T>(x, w, {});
}
/// The same for arguments that are expressions.
template <class X, class W, class... B>
requires(detail::Lazy<X> || detail::Lazy<W> || (detail::Lazy<B> || ...)) &&
    (sizeof...(B) <= 1) auto linear(X&& x, W&& w, B&&... b) {
  using V = Variable<typename std::decay_t<X>::value_type>;
  return linear(V(std::forward<X>(x)), V(std::forward<W>(w)), V(std::forward<B>(b))...);
}

/// a + b, where one of them is a linear: in one array.
template <class A, class B>
requires detail::LinearAddition<A, B>
auto operator+(A&& a, B&& b) {
  static_assert(std::is_same_v<typename std::decay_t<A>::value_type, typename std::decay_t<B>::value_type>,
                "float and double Variables do not mix in an expression");
  if constexpr (detail::FreshLinear<A>) {
    return std::move(a).plus(std::forward<B>(b));
  } else {
    return std::move(b).plus(std::forward<A>(a));
  }
}

extern template class LinearSum<float>;
extern template class LinearSum<double>;

}  // namespace unroll
