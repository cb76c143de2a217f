#pragma once
/// \file How well a text is predicted without a model: what a loss is to be compared with.

#include "unroll/data/symbol_ids.hpp"

namespace unroll::char_lm {

/// What:   the mean of −ln((nₛ + 1) / (N + V)) over the symbols s of `valid`, in nats; nₛ is how often s stands in
///         `train`, N the length of `train`, V the size of the vocabulary. It is the loss of a model that knows how
///         frequent each symbol is, and nothing else; the added 1 lets a symbol occur that was never seen.
/// Range:  above 0; 0 if `valid` is empty.
/// Errors: IndexError for a symbol outside [0, V).
double frequency_loss(const SymbolIds& train, const SymbolIds& valid, std::int64_t vocabulary);

}  // namespace unroll::char_lm
