#pragma once
/// \file linear: x Wᵀ + b, also block by block, and sums of several that accumulate into one array.

#include <type_traits>
#include <utility>

#include "unroll/detail/autograd/core/unevaluated.hpp"
#include "unroll/detail/autograd/ops/linear_addition.hpp"

namespace unroll {

/// What:   Σ x_k W_kᵀ + Σ b_k (+ an array), computed when a Variable is needed, once.
/// `linear(x, W, b) + linear(h, U)` and `x + linear(h, U)` accumulate into one array without temporaries.
/// A named one (`auto a = linear(x, W);`) is computed at its first use and keeps that result.
/// Errors: UsageError where an operand changed by update() between linear() and the first use.
template <class T>
class LinearSum : public detail::Unevaluated<T, LinearSum<T>> {
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

/// What:   x Wᵀ + b. With a W of more than two axes, block by block: W (heads, O, I) is a block-diagonal matrix, of
///         which block k makes the k-th O outputs of the k-th I inputs; W (G, heads, O, I) is G of them, one below
///         another, such as those of a cell's gates.
/// Shapes: x (…, I), W (O, I), b (O,) → (…, O); rank 1 to 5. By heads: x (…, heads · I), b (G · heads · O,) →
///         (…, G · heads · O).
/// Errors: ShapeError naming the operands; UsageError for an empty Variable.
/// Cost:   with up to 128 rows of x a packed copy of W is kept with W until it is updated.
template <class T>
LinearSum<T> linear(const Variable<T>& x, const detail::Same<Variable<T>>& w,
                    const detail::Same<Variable<T>>& b = {}) {
  return LinearSum<T>(x, w, b);
}
/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto linear(E&& x, const detail::Same<V>& w, const detail::Same<V>& b = {}) {
  return linear(V(std::forward<E>(x)), w, b);
}
/// Refuses to mix float and double.
template <class X, class W, class... B>
requires detail::Mixed<X, W, B...>
auto linear(const X& x, const W&, const B&...) {
  detail::refuse_mixed<X, W, B...>();
  return x;
}

/// a + b, where one of them is a linear: in one array.
template <class A, class B>
requires detail::LinearAddition<A, B>
auto operator+(A&& a, B&& b) {
  if constexpr (detail::Mixed<A, B>) {
    detail::refuse_mixed<A, B>();
    return std::decay_t<A>(std::forward<A>(a));
  } else if constexpr (detail::FreshLinear<A>) {
    return std::move(a).plus(std::forward<B>(b));
  } else {
    return std::move(b).plus(std::forward<A>(a));
  }
}

extern template class LinearSum<float>;
extern template class LinearSum<double>;

}  // namespace unroll
