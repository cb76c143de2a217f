#pragma once  // internal
/// \file Which rows of a batch take part in each step of a recurrence, and from what state.

#include <cstdint>
#include <vector>

#include "unroll/autograd/recurrence_options.hpp"

namespace unroll::detail {

/// What a row's state is before a step.
enum class RowStart : std::uint8_t {
  goes_on,  ///< that after the step before
  given,    ///< h0: its sequence's first step
  fresh,    ///< 0: another sequence begins
  ended     ///< none: the step is not part of the sequence
};

/// Errors: ShapeError for lengths or resets that do not fit `shape` (T, B, …), IndexError for a length outside 0 … T; both
///         name `op`.
void check_sequences(const char* op, const Shape& shape, const RecurrenceOptions& options);

/// Of each row at each time, (T, B); empty where neither lengths nor resets are given. In reverse, a sequence that begins at
/// time t is left when the loop goes from t to t − 1.
std::vector<RowStart> row_starts(const Shape& shape, const RecurrenceOptions& options);

}  // namespace unroll::detail
