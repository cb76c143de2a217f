#include "unroll/optim/clip.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

namespace unroll {
namespace {

template <class T>
using Gradients = std::vector<std::span<T>>;

// Each once, however often its parameter is listed.
template <class T>
Gradients<T> gradients_of(const char* op, const std::vector<Variable<T>>& parameters) {
  Gradients<T> gradients;
  std::unordered_set<const T*> seen;
  for (const auto& p : parameters) {
    const std::span<T> g = detail::stored_gradient(op, p);
    if (!g.empty() && seen.insert(g.data()).second) gradients.push_back(g);
  }
  return gradients;
}

// In double: squares of floats cannot overflow, and sums over many elements do not drift.
template <class T>
double square_sum(std::span<const T> x, double factor) {
  double sum = 0;
  const T* p = x.data();
  const std::size_t n = x.size();
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) {
    const double scaled = static_cast<double>(p[i]) * factor;
    sum += scaled * scaled;
  }
  return sum;
}

template <class T>
double largest(const Gradients<T>& gradients) {
  double most = 0;
  for (const auto& g : gradients)
    for (const T x : g) most = std::max(most, std::abs(static_cast<double>(x)));
  return most;
}

// The norm of all gradients, as root · 2^exponent: it may lie beyond the largest number.
struct Norm {
  double root;
  int exponent = 0;
  double value() const { return std::ldexp(root, exponent); }
};

template <class T>
Norm norm_of(const Gradients<T>& gradients) {
  const auto root = [&](double factor) {
    double sum = 0;
    for (const auto& g : gradients) sum += square_sum<T>(g, factor);
    return std::sqrt(sum);
  };
  const double plain = root(1);
  // Where squares overflowed or were lost, again with the largest element brought to about 1.
  if (std::isnan(plain) || (plain > 1e-140 && std::isfinite(plain))) return {plain};
  const double most = largest(gradients);
  if (most == 0 || !std::isfinite(most)) return {most};
  const int exponent = std::clamp(std::ilogb(most), -1000, 1000);
  const Norm norm{root(std::ldexp(1, -exponent)), exponent};
  return exponent < 0 ? Norm{norm.value()} : norm;
}

// g *= factor · 2^−exponent, in two steps where the product is too small for T.
template <class T>
void scale(const Gradients<T>& gradients, double factor, int exponent) {
  const int magnitude = factor > 0 ? std::ilogb(factor) - exponent : 0;
  const bool tiny = magnitude < std::numeric_limits<T>::min_exponent - 1;
  const int half = tiny ? magnitude / 2 : 0;
  const T once = static_cast<T>(std::ldexp(factor, -exponent - half));
  const T twice = static_cast<T>(std::ldexp(1, half));
  for (const auto& g : gradients)
    for (T& x : g) x = tiny ? x * once * twice : x * once;
}

template <class T>
void check_finite(const std::vector<Variable<T>>& parameters) {
  for (const auto& p : parameters) {
    const std::span<T> g = detail::stored_gradient("clip_grad_norm", p);
    if (std::all_of(g.begin(), g.end(), [](T x) { return std::isfinite(x); })) continue;
    raise<UsageError>(
        "clip_grad_norm: the gradient of {} is not finite; lower the learning rate, or run "
        "backward under AnomalyMode to find the op",
        detail::describe(p));
  }
  raise<UsageError>("clip_grad_norm: the norm of all gradients overflows; lower the learning rate");
}

}  // namespace

template <class T>
double clip_grad_norm(const std::vector<Variable<T>>& parameters, double max_norm,
                      const ClipOptions& options) {
  if (!(max_norm >= 0)) raise<UsageError>("clip_grad_norm: max_norm must be at least 0; got {}", max_norm);
  const Gradients<T> gradients = gradients_of("clip_grad_norm", parameters);
  const Norm norm = norm_of(gradients);
  const double total = norm.value();
  if (options.error_if_nonfinite && !std::isfinite(total)) check_finite(parameters);
  if (std::isinf(max_norm)) return total;
  const double factor = max_norm / (norm.root + std::ldexp(1e-6, -norm.exponent));
  if (std::ldexp(factor, -norm.exponent) >= 1) return total;  // a factor of 1 changes no bit; NaN goes on
  scale(gradients, factor, norm.exponent);
  return total;
}

template <class T>
void clip_grad_value(const std::vector<Variable<T>>& parameters, double limit) {
  if (!(limit >= 0)) raise<UsageError>("clip_grad_value: the limit must be at least 0; got {}", limit);
  const T high = static_cast<T>(limit), low = -high;
  for (const auto& gradient : gradients_of("clip_grad_value", parameters))
    for (T& g : gradient) g = g < low ? low : g > high ? high : g;
}

UNROLL_COMPILE_FUNCTIONS(clip_grad_norm, clip_grad_value)

}  // namespace unroll
