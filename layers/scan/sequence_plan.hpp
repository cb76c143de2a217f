#pragma once  // internal
/// \file How scan walks through a batch whose sequences may differ in length: which rows take part in each
/// step of the loop, and where they lie.

#include <vector>

#include "unroll/autograd/indices.hpp"

namespace unroll::detail {

/// With lengths, the rows are sorted by length (longest first) and packed: the rows of step k of the loop are
/// [first[k], first[k + 1]), sequences that have ended drop out, and no padding is ever computed. In reverse
/// each sequence begins at its own end. Without lengths a step is one slice of the time axis.
struct SequencePlan {
  index_t time = 0, batch = 0, steps = 0;
  bool reverse = false, packed = false;
  std::vector<index_t> first = {};   ///< packed: (steps + 1,)
  Indices pick = {};                 ///< packed: time · B + row, of each packed row
  Indices order = {}, inverse = {};  ///< packed: row of the batch of each sorted row, and the other way round

  /// Rows of step k.
  index_t rows(index_t k) const {
    return packed ? first[static_cast<std::size_t>(k) + 1] - first[static_cast<std::size_t>(k)] : batch;
  }
  /// Rows before step k.
  index_t rows_before(index_t k) const { return k == 0 ? batch : rows(k - 1); }
  /// The time of row number r in step k, and the row of the batch that it is.
  index_t time_of(index_t k, index_t r) const {
    return packed ? pick[first[static_cast<std::size_t>(k)] + r] / batch : reverse ? time - 1 - k : k;
  }
  index_t row_of(index_t r) const { return packed ? order[r] : r; }

  /// Steps [from, to) are the units [begin(from, to), begin + units(from, to)) of the input and of the
  /// output: packed rows, or else slices of time.
  index_t begin(index_t from, index_t to) const {
    return packed ? first[static_cast<std::size_t>(from)] : reverse ? time - to : from;
  }
  index_t units(index_t from, index_t to) const {
    return packed ? first[static_cast<std::size_t>(to)] - first[static_cast<std::size_t>(from)] : to - from;
  }
};

/// `lengths` is empty, or (B,) with 0 … T.
/// Errors: ShapeError and IndexError, naming scan.
SequencePlan plan_sequences(index_t time, index_t batch, bool reverse, const Indices& lengths);

/// The rows (sorted, if the plan is packed) at which a new sequence begins before step k; empty: nowhere.
/// In reverse a sequence that begins at time t is left when the loop goes from t to t − 1.
/// `begins` is empty or (T, B).
std::vector<char> rows_that_begin(const SequencePlan& plan, const Indices& begins, index_t k);

}  // namespace unroll::detail
