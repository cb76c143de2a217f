#include "unroll/optim/clip.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <cmath>

namespace unroll {
namespace {

// In double: squares of floats cannot overflow, and sums over many elements do not drift.
template <class T>
double square_sum(std::span<const T> x) {
  double sum = 0;
  const T* p = x.data();
  const std::size_t n = x.size();
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(p[i]) * static_cast<double>(p[i]);
  return sum;
}

}  // namespace

template <class T>
double clip_grad_norm(const std::vector<Variable<T>>& parameters, double max_norm,
                      const ClipOptions& options) {
  if (!(max_norm >= 0)) raise<UsageError>("clip_grad_norm: max_norm must be at least 0; got {}", max_norm);
  double sum = 0;
  for (const auto& p : parameters) sum += square_sum<T>(detail::stored_gradient("clip_grad_norm", p));
  const double total = std::sqrt(sum);
  if (options.error_if_nonfinite && !std::isfinite(total)) {
    for (const auto& p : parameters) {
      if (std::isfinite(square_sum<T>(detail::stored_gradient("clip_grad_norm", p)))) continue;
      raise<UsageError>(
          "clip_grad_norm: the gradient of {} is not finite; lower the learning rate, or run "
          "backward under AnomalyMode to find the op",
          detail::describe(p));
    }
    raise<UsageError>("clip_grad_norm: the norm of all gradients overflows; lower the learning rate");
  }
  const double factor = max_norm / (total + 1e-6);
  if (factor >= 1) return total;  // a factor of 1 changes no bit; NaN goes on
  const T scale = static_cast<T>(factor);
  for (const auto& p : parameters) {
    for (T& g : detail::stored_gradient("clip_grad_norm", p)) g *= scale;
  }
  return total;
}

template <class T>
void clip_grad_value(const std::vector<Variable<T>>& parameters, double limit) {
  if (!(limit >= 0)) raise<UsageError>("clip_grad_value: the limit must be at least 0; got {}", limit);
  const T high = static_cast<T>(limit), low = -high;
  for (const auto& p : parameters) {
    for (T& g : detail::stored_gradient("clip_grad_value", p)) g = g < low ? low : g > high ? high : g;
  }
}

UNROLL_COMPILE_FUNCTIONS(clip_grad_norm, clip_grad_value)

}  // namespace unroll
