#pragma once
/// \file What a decoder is given and should answer, from the sequences it is to learn.

#include "unroll/autograd/indices.hpp"

namespace unroll {

/// A batch of target sequences as teacher forcing needs them: each begun with the start symbol as input, and
/// followed by the end symbol as what is expected.
struct TargetSymbols {
  Indices inputs;    ///< (T + 1, B): start, y_1, …, y_T
  Indices lengths;   ///< (B,): the true lengths, each longer by one
  Indices rows;      ///< (N,): t · B + b of each symbol that is really expected, N = Σ lengths
  Indices expected;  ///< (N,): y_1, …, end
};

/// Shapes: targets (T, B), lengths (B,); beyond a length any symbol may stand.
/// Errors: ShapeError where they do not fit; IndexError for a length outside 0 … T.
TargetSymbols target_symbols(const Indices& targets, const Indices& lengths, std::int64_t start,
                             std::int64_t end);

}  // namespace unroll
