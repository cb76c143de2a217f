#pragma once
/// \file Recomputation (gradient checkpointing): values that backward needs are computed twice, not kept.

#include <functional>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   the results of f(), of which the tape keeps nothing but the Variables that f reads from outside;
///         when backward arrives it runs f again and goes back through that. Gradients of weights are added
///         once for each call.
/// f must do the same each time: what it draws or counts with, a RandomKey or a Dropout, it must copy inside
/// itself at each run, `[drop, x] { auto own = drop; … own(x) … }`: a capture by value alone goes on counting
/// from run to run, and draws another mask. What f holds by reference must live until backward.
/// Errors: UsageError in backward where f then returns other shapes, and for create_graph.
/// Cost:   one more run of f.
/// Source: Chen et al. 2016, Training deep nets with sublinear memory cost.
template <class T>
std::vector<Variable<T>> recompute(std::function<std::vector<Variable<T>>()> f);

}  // namespace unroll
