#pragma once  // internal
/// \file A loop as one op of the tape.

#include "unroll/detail/autograd/plan/loop_values.hpp"

namespace unroll::detail {

template <class T>
struct LoopResult {
  Variable<T> hidden;  ///< (steps − 1, …) in order of memory: the outputs of all steps but the last
  std::vector<Variable<T>> carried;  ///< after the last step
};

/// What:   computes the steps of a loop and records them as one op.
template <class T>
LoopResult<T> run_loop(std::shared_ptr<const LoopProgram<T>> program, LoopInputs<T> inputs);

}  // namespace unroll::detail
