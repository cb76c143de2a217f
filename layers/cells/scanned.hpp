#pragma once
/// \file What a run over whole sequences gives.

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What scan returns: the hidden states of all steps and the state after the last.
template <class T, class S>
struct Scanned {
  Variable<T> output;  ///< (T, B, H); 0 beyond a sequence's end
  S state;             ///< after each sequence's own last step
};

}  // namespace unroll
