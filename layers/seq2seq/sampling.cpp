#include "unroll/layers/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

void check_number(double u) {
  if (!(u >= 0 && u < 1)) raise<UsageError>("sampling: need a random number u in [0, 1); got {}", u);
}

template <class T>
std::int64_t draw(std::span<const T> logits, const SamplingOptions& options, double u) {
  detail::check_sampling(options);
  check_number(u);
  const auto top = std::max_element(logits.begin(), logits.end());
  const bool has_nan = std::any_of(logits.begin(), logits.end(), [](T x) { return std::isnan(x); });
  if (logits.empty() || has_nan || !std::isfinite(*top)) raise<DataError>("the model's output is not finite");
  if (options.temperature == 0) return top - logits.begin();

  std::vector<double> weight(logits.size());
  std::transform(logits.begin(), logits.end(), weight.begin(),
                 [&](T x) { return std::exp((double{x} - double{*top}) / options.temperature); });
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  if (options.top_k > 0 || options.top_p < 1)
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return weight[a] > weight[b]; });
  if (options.top_k > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(options.top_k)));

  const auto total = [&] {
    return std::accumulate(order.begin(), order.end(), 0.0, [&](double s, auto i) { return s + weight[i]; });
  };
  if (options.top_p < 1) {
    double missing = options.top_p * total();
    std::size_t kept = 0;
    while (kept < order.size() && (kept == 0 || missing > 0)) missing -= weight[order[kept++]];
    order.resize(kept);
  }
  double rest = u * total();
  std::size_t drawn = order.front();
  for (const auto i : order) {
    if (weight[i] > 0) drawn = i;  // if rounding leaves a rest at the end, the last one possible
    if ((rest -= weight[i]) < 0) break;
  }
  return static_cast<std::int64_t>(drawn);
}

}  // namespace

void detail::check_sampling(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature))
    raise<UsageError>("sampling: temperature must be finite and at least 0; got {}", options.temperature);
  if (options.top_k < 0) raise<UsageError>("sampling: top_k must be at least 0; got {}", options.top_k);
  if (!(options.top_p >= 0 && options.top_p <= 1))
    raise<UsageError>("sampling: top_p must be in [0, 1]; got {}", options.top_p);
}

std::int64_t draw_symbol(std::span<const float> logits, const SamplingOptions& options, double u) {
  return draw(logits, options, u);
}
std::int64_t draw_symbol(std::span<const double> logits, const SamplingOptions& options, double u) {
  return draw(logits, options, u);
}

}  // namespace unroll
