#include "forecast/losses.hpp"

#include <cmath>

#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::forecast {
namespace {

Variable<float> row_of(const std::vector<double>& values) {
  Variable<float> row({std::ssize(values)}, 0.F);
  std::ranges::transform(values, row.mutable_data(), [](double x) { return static_cast<float>(x); });
  return row;
}

Variable<float> mixture_losses(const Variable<float>& numbers, const Variable<float>& targets) {
  const auto parts = chunk<3>(numbers);
  const Variable<float> p = log_softmax(parts[0]);
  const Variable<float> z = (targets - parts[1]) * exp(-parts[2]);
  const Variable<float> each = p - parts[2] - 0.5F * square(z);
  return -logsumexp(each, {-1}, {.keepdims = true});
}

}  // namespace

std::vector<float> first_numbers(const TrainOptions& o) {
  std::vector<float> numbers(static_cast<std::size_t>(output_numbers(o)), 0.F);
  if (o.loss == "quantiles")
    std::ranges::transform(o.quantiles, numbers.begin(),
                           [](double q) { return static_cast<float>(normal_quantile(q)); });
  const auto parts = static_cast<std::size_t>(o.components);
  if (o.loss == "mixture")  // apart, or they would all learn the same
    for (std::size_t c = 0; c < parts; ++c)
      numbers[parts + c] = static_cast<float>(
          0.5 * normal_quantile((static_cast<double>(c) + 0.5) / static_cast<double>(parts)));
  return numbers;
}

Variable<float> losses(const std::string& kind, const std::vector<double>& levels,
                       const Variable<float>& numbers, const Variable<float>& targets) {
  if (kind == "mse") return 0.5F * square(targets - numbers);
  if (kind == "mixture") return mixture_losses(numbers, targets);
  if (kind == "gaussian") {
    const auto parts = chunk<2>(numbers);
    return 0.5F * square((targets - parts[0]) * exp(-parts[1])) + parts[1];
  }
  const Variable<float> q = row_of(levels);
  const Variable<float> below = targets - numbers;
  const Variable<float> each = maximum(q * below, (q - 1.F) * below);
  return mean(each, {-1}, {.keepdims = true});
}

std::vector<Distribution::Normal> normals_of(const std::string& kind, std::span<const float> numbers) {
  const auto at = [&](std::size_t i) { return double{numbers[i]}; };
  if (kind == "mse") return {{1, at(0), 1}};
  if (kind == "gaussian") return {{1, at(0), std::exp(at(1))}};
  const std::size_t parts = numbers.size() / 3;
  std::vector<Distribution::Normal> normals;
  double most = at(0), sum = 0;
  for (std::size_t c = 1; c < parts; ++c) most = std::max(most, at(c));
  for (std::size_t c = 0; c < parts; ++c) {
    normals.push_back({std::exp(at(c) - most), at(parts + c), std::exp(at(2 * parts + c))});
    sum += normals.back().weight;
  }
  for (auto& normal : normals) normal.weight /= sum;
  return normals;
}

}  // namespace unroll::forecast
