#pragma once
/// \file How a recurrence over whole sequences runs.

#include "unroll/autograd/indices.hpp"

namespace unroll {

/// How a recurrence runs over its sequences; as ScanOptions says.
struct RecurrenceOptions {
  bool reverse = false;  ///< from each sequence's end to its beginning; results stay at their own time
  Indices lengths = {};  ///< (B,): the true length of each sequence; empty: all are T
  Indices resets =
      {};  ///< (T, B): not 0 where a new sequence begins, whose state before is 0; empty: nowhere
};

}  // namespace unroll
