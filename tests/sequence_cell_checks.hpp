#pragma once
/// \file What the tests of cells with a `sequence` of their own share.

#include "cell_checks.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/stream.hpp"

namespace unroll::tests {

inline double silu_of(double v) { return v * sigma(v); }
inline double softplus_of(double v) { return std::log1p(std::exp(v)); }

/// x / √(mean x² + eps) on plain numbers, by groups of `size`, times γ, whose numbers are those of x or of a group.
inline Vec rms_normalised(Vec x, std::size_t size, const V& gamma, double eps) {
  for (std::size_t first = 0; first < x.size(); first += size) {
    double square = eps;
    for (std::size_t k = first; k < first + size; ++k) square += x[k] * x[k] / static_cast<double>(size);
    for (std::size_t k = first; k < first + size; ++k)
      x[k] *= gamma.data()[k % static_cast<std::size_t>(gamma.size())] / std::sqrt(square);
  }
  return x;
}

/// All steps at once equal one at a time, in every way to run; gradients of both orders from a state that is not zero.
/// `step`: of the differences of the second order.
template <class Cell>
void sequence_cell_passes(const Cell& cell, double step = 6e-6) {
  check_parallel(cell);
  const V x = random_parameter({3, 2, cell.input_size()}, 12);
  const auto start = random_state(cell.initial_state(2), 22);
  std::vector<V> inputs = leaves(cell);
  inputs.push_back(x);
  for (const V& v : members(start)) inputs.push_back(v);
  const auto outcome = [&](const ScanOptions& way) {
    const auto [y, last] = scan(cell, x, start, way);
    std::vector<V> all = members(last);
    all.push_back(y);
    return all;
  };
  gradcheck([&](const auto&) { return outcome({}); }, inputs, {.full = true});
  const ScanOptions cut{.lengths = {1, 3}, .resets = Indices({3, 2}, {0, 0, 1, 0, 0, 1})};
  gradcheck([&](const auto&) { return outcome(cut); }, inputs);
  gradgradcheck([&](const auto&) { return scan(cell, x, start).output; }, inputs, {.step = step});
}

/// One step at a time from a stream as in training; for layers with inputs of 3.
template <class Layer>
void streams_as_it_trains(const Layer& layer) {
  const V x = random_parameter({12, 2, 3}, 6).detach();
  const V y = layer(x).output;
  auto s = stream(layer, 2);
  for (index_t t = 0; t < 12; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(y, 0, t))) < 1e-12);  // sums in another order
}

}  // namespace unroll::tests
