#pragma once
/// \file Drawing a symbol from a model's output.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <span>

namespace unroll {

struct SamplingOptions {
  double temperature = 1;  ///< ≥ 0, divides the logits; 0 takes the most probable symbol
  std::int64_t top_k = 0;  ///< draw from the k most probable only; 0: from all
  double top_p = 1;  ///< 0 … 1: draw from the fewest most probable ones that have this probability together
};

namespace detail {
/// Errors: UsageError naming the option that is out of range.
void check_sampling(const SamplingOptions& options);
}  // namespace detail

/// A symbol drawn with probability softmax(logits / temperature), cut off by top_k, then by top_p, and
/// scaled to 1. `u` in [0, 1) is the random number that decides. Ties go to the lower number. Logarithms of
/// probabilities are logits.
/// Errors: UsageError for options or a `u` out of range; DataError if the logits are not finite (one may be
///         -inf: that symbol is never drawn).
std::int64_t draw_symbol(std::span<const float> logits, const SamplingOptions& options, double u);
/// The same from numbers of type double.
std::int64_t draw_symbol(std::span<const double> logits, const SamplingOptions& options, double u);

}  // namespace unroll
