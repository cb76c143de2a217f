#pragma once  // internal
/// \file How a step becomes a program.

#include "unroll/detail/autograd/plan/step_program.hpp"
#include "unroll/detail/autograd/plan/step_recorder.hpp"

namespace unroll::detail {

/// What:   records `step` and holds the record against `step` itself, on inputs and states drawn at random.
/// Shapes: x is the shape of the input; `initial` are the members of the first state.
/// Errors: UsageError naming `caller` and what stands in the way: an op that has no kernel here, a value that is read
///         outside ops, a result that is not the same again.
template <class T>
std::shared_ptr<const StepProgram<T>> record_step(std::string_view caller, const StepFunction<T>& step,
                                                  const Shape& x, const std::vector<Variable<T>>& initial);

}  // namespace unroll::detail
