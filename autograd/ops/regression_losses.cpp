#include "unroll/autograd/regression_losses.hpp"

#include <numbers>

#include "unroll/detail/autograd/ops/loss_parts.hpp"

namespace unroll {
namespace detail {
namespace {

template <class T>
void check_variance_shape(const char* op, const Variable<T>& variance, const Shape& shape) {
  if (!variance) fail_empty(op, 2);
  check_broadcast(op, "variance", variance, shape);
}
template <class T>
void check_variances(const char* op, const Variable<T>& variance) {
  const auto values = variance.value();
  for (const T v : values)
    if (v < T{0}) raise<UsageError>("{}: a variance must be at least 0; got {}", op, v);
}

/// max(v, eps), with slope 1 on both sides.
template <class T>
Variable<T> at_least(const Variable<T>& v, double eps) {
  return where(v < eps, eps + (v - v.detach()), v);
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> l1_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                    const detail::Same<MseOptions<T>>& options) {
  return detail::pair_loss("l1_loss", prediction, target, options.reduction, options.mask,
                           [](const auto& x, const auto& t) { return abs(x - t); });
}

template <class T>
Variable<T> huber_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                       const detail::Same<HuberLossOptions<T>>& options) {
  const double delta = options.delta;
  if (!(delta > 0)) raise<UsageError>("huber_loss: delta must be above 0; got {}", delta);
  return detail::pair_loss("huber_loss", prediction, target, options.reduction, options.mask,
                           [delta](const auto& x, const auto& t) {
                             // As one product: the square of a distance may be infinite where the line is taken.
                             return minimum(abs(x - t), delta) *
                                    (abs(x - t) - 0.5 * minimum(abs(x - t), delta));
                           });
}

template <class T>
Variable<T> gaussian_nll_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                              const detail::Same<Variable<T>>& variance,
                              const detail::Same<GaussianNllLossOptions<T>>& options) {
  constexpr const char* op = "gaussian_nll_loss";
  detail::check_pair(op, prediction, target, options.reduction);
  if (!(options.eps >= 0)) raise<UsageError>("{}: eps must be at least 0; got {}", op, options.eps);
  detail::check_variance_shape(op, variance, prediction.shape());
  const Variable<T>& mask = options.mask;
  if (mask) detail::check_mask(op, mask, prediction.shape());
  const double constant = options.full ? 0.5 * std::log(2 * std::numbers::pi) : 0;
  return detail::pair_loss(
      op, prediction, target, options.reduction, mask, [&](const auto& x, const auto& t) {
        const Variable<T> kept = mask ? Variable<T>(where(mask, variance, T{1})) : variance;
        detail::check_variances(op, kept);  // what is masked may be anything
        const Variable<T> v = detail::at_least(kept, options.eps);
        return Variable<T>(0.5 * (log(v) + square(x - t) / v) + constant);
      });
}

#define UNROLL_COMPILE_LOSSES(T)                                                                       \
  template Variable<T> l1_loss(const Variable<T>&, const Variable<T>&, const MseOptions<T>&);          \
  template Variable<T> huber_loss(const Variable<T>&, const Variable<T>&, const HuberLossOptions<T>&); \
  template Variable<T> gaussian_nll_loss(const Variable<T>&, const Variable<T>&, const Variable<T>&,   \
                                         const GaussianNllLossOptions<T>&);
UNROLL_COMPILE_LOSSES(float)
UNROLL_COMPILE_LOSSES(double)
#undef UNROLL_COMPILE_LOSSES

}  // namespace unroll
