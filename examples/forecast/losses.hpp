#pragma once
/// \file What a network's numbers mean: its losses, and the distributions that they stand for.

#include "forecast/distribution.hpp"
#include "forecast/options.hpp"

namespace unroll::forecast {

/// What the numbers are at first, for each of `output_numbers(options)`: a normal distribution, as near as the loss knows it.
std::vector<float> first_numbers(const TrainOptions& options);

/// What:   the loss of each target u, without constants:
///         mse        ½ (u − m)², of numbers m;
///         gaussian   ½ ((u − m) / s)² + ln s, of m, ln s;
///         quantiles  Σ_q max(q (u − v_q), (q − 1)(u − v_q)) / Q, of v_q;
///         mixture    −ln Σ_c p_c exp(−½ ((u − m_c) / s_c)²) / s_c, of C each of logits, m_c and ln s_c.
/// Shapes: numbers (H, B, O), targets (H, B, 1) → (H, B, 1).
/// Inputs: `levels` of the quantiles.
Variable<float> losses(const std::string& kind, const std::vector<double>& levels,
                       const Variable<float>& numbers, const Variable<float>& targets);

/// The normal distributions that the numbers of one target stand for; of mse with deviation 1.
std::vector<Distribution::Normal> normals_of(const std::string& kind, std::span<const float> numbers);

}  // namespace unroll::forecast
