#pragma once
/// \file What a report shows of a network's inside.

#include <functional>

#include "unroll/autograd/variable.hpp"
#include "unroll/train/run_details.hpp"

namespace unroll::program {

/// Adds how often the gates are saturated in the steps of `forward`, which runs without gradients.
void add_gates(RunDetails& details, const std::function<void()>& forward);

/// Adds how much a loss of the last step, that `loss` computes, depends on the states before,
/// a curve for each layer. The gradients of the parameters are as they were.
void add_gradients(RunDetails& details, const std::function<Variable<float>()>& loss);

}  // namespace unroll::program
