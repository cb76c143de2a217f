#pragma once
/// \file The operators and elementwise functions users write expressions with. Each takes Variables,
/// expressions of them, linear() and numbers, broadcasts as NumPy does, and becomes part of one fused node.
/// Errors: ShapeError where shapes do not broadcast, UsageError for an empty Variable.

#include "unroll/autograd/fuse.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/detail/autograd/fused/scalar_op_list.hpp"

namespace unroll {
namespace detail {

inline void check_slope_floor(const char* op, double floor) {
  if (!(floor >= 0)) raise<UsageError>("{}: slope_floor must be at least 0; got {}", op, floor);
}

}  // namespace detail

// Always inlined: an operand that has just been made in the caller's frame would be moved by wider loads than the
// stores that made it, for which the processor waits.
// clang-format off
#define UNROLL_UNARY(f)                                              \
  template <detail::Operand X>                                       \
  UNROLL_INLINE auto f(X&& x) { return detail::make_expr<detail::f##_op>(std::forward<X>(x)); }
#define UNROLL_BINARY(f, op)                                         \
  template <class A, class B> requires detail::Operands<A, B>        \
  UNROLL_INLINE auto f(A&& a, B&& b) { return detail::make_expr<detail::op##_op>(std::forward<A>(a), std::forward<B>(b)); }

/// a + b
template <class A, class B> requires (detail::Operands<A, B> && !detail::LinearAddition<A, B>)
UNROLL_INLINE auto operator+(A&& a, B&& b) { return detail::make_expr<detail::add_op>(std::forward<A>(a), std::forward<B>(b)); }
UNROLL_BINARY(operator-, sub)             ///< a − b
UNROLL_BINARY(operator*, mul)             ///< a · b, element by element
UNROLL_BINARY(operator/, div)             ///< a / b, element by element
UNROLL_BINARY(operator>, greater)         ///< 1 where a > b, else 0; no gradient
UNROLL_BINARY(operator>=, greater_equal)  ///< 1 where a ≥ b, else 0; no gradient
/// 1 where a < b, else 0; no gradient
template <class A, class B> requires detail::Operands<A, B>
auto operator<(A&& a, B&& b) { return std::forward<B>(b) > std::forward<A>(a); }
/// 1 where a ≤ b, else 0; no gradient
template <class A, class B> requires detail::Operands<A, B>
auto operator<=(A&& a, B&& b) { return std::forward<B>(b) >= std::forward<A>(a); }
/// −x
template <detail::Operand X>
UNROLL_INLINE auto operator-(X&& x) { return detail::make_expr<detail::neg_op>(std::forward<X>(x)); }

#define UNROLL_FUNCTION(f) UNROLL_BINARY(f, f)
UNROLL_UNARY_OPS(UNROLL_UNARY)
UNROLL_BINARY_OPS(UNROLL_FUNCTION)
#undef UNROLL_FUNCTION
#undef UNROLL_UNARY
#undef UNROLL_BINARY
// clang-format on

/// x where x > 0, else slope · x.
template <detail::Operand X>
auto leaky_relu(X&& x, double slope = 0.01) {
  return detail::make_expr<detail::leaky_relu_op>(std::forward<X>(x), slope);
}
/// x where x > 0, else alpha (eˣ − 1).
template <detail::Operand X>
auto elu(X&& x, double alpha = 1.0) {
  return detail::make_expr<detail::elu_op>(std::forward<X>(x), alpha);
}
/// ln σ(x) = −ln(1 + e⁻ˣ).
template <detail::Operand X>
auto log_sigmoid(X&& x) {
  return -softplus(-std::forward<X>(x));
}
/// min(max(x, low), high), with slope 1 at both ends, too.
/// Errors: UsageError for low > high.
template <detail::Operand X>
auto hardtanh(X&& x, double low = -1.0, double high = 1.0) {
  if (!(low <= high)) raise<UsageError>("hardtanh: need low ≤ high; got {} and {}", low, high);
  return detail::make_expr<detail::clamp_op>(std::forward<X>(x), low, high);
}
/// √(1 − a²) as √((1 − a)(1 + a)). With v = 1 − a², the slope of √v, 1 / √(4 v), is 1 / √max(4 v, slope_floor).
/// Errors: UsageError for slope_floor < 0.
/// Source: slope_floor is 1e-6 in the RG-LRU (De et al. 2024).
template <detail::Operand X>
auto root_one_minus_square(X&& a, double slope_floor = 0.0) {
  detail::check_slope_floor("root_one_minus_square", slope_floor);
  return detail::make_expr<detail::root_one_minus_square_op>(std::forward<X>(a), slope_floor);
}
/// √(1 − a²) of ln a as √(−expm1(2 ln a)), which is accurate where a is so near 1 that it has lost 1 − a; slope_floor is
/// as above.
/// Errors: UsageError for slope_floor < 0.
template <detail::Operand X>
auto root_one_minus_exp(X&& log_a, double slope_floor = 0.0) {
  detail::check_slope_floor("root_one_minus_exp", slope_floor);
  return detail::make_expr<detail::root_one_minus_exp_op>(std::forward<X>(log_a), slope_floor);
}
/// min(max(x, low), high) of three Variables, closer than std::clamp; the bounds pass the gradient.
template <class T>
auto clamp(const Variable<T>& x, const Variable<T>& low, const Variable<T>& high) {
  return detail::make_expr<detail::clamp_op>(x, low, high);
}
/// The same for expressions and numbers.
template <class X, class L, class H>
requires detail::Operands<X, L, H>
auto clamp(X&& x, L&& low, H&& high) {
  return detail::make_expr<detail::clamp_op>(std::forward<X>(x), std::forward<L>(low), std::forward<H>(high));
}
/// a where condition ≠ 0, else b. The branch not taken leaks nothing, in value or gradient, not even NaN.
template <class C, class A, class B>
requires detail::Operands<C, A, B>
auto where(C&& condition, A&& a, B&& b) {
  return detail::make_expr<detail::where_op>(std::forward<C>(condition), std::forward<A>(a),
                                             std::forward<B>(b));
}
/// a + weight (b − a).
template <class A, class B, class W>
requires detail::Operands<A, B, W>
auto lerp(A&& a, B&& b, W&& weight) {
  return detail::make_expr<detail::lerp_op>(std::forward<A>(a), std::forward<B>(b), std::forward<W>(weight));
}

}  // namespace unroll
