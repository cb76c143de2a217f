#pragma once
/// \file Cross-entropy in the units that people compare.

#include <cstdint>

namespace unroll {

/// What:   exp(nats / tokens): among how many equally likely tokens a model that is as uncertain chooses.
/// Range:  at least 1 for nats ≥ 0; ∞ where it is too large for a double.
/// Errors: UsageError if tokens < 1.
double perplexity(double nats, std::int64_t tokens);

/// What:   nats / (symbols ln 2).
/// Errors: UsageError if symbols < 1.
double bits_per_symbol(double nats, std::int64_t symbols);

}  // namespace unroll
