#pragma once
/// \file Whether a run can fit into the machine.

#include <cstdint>

#include "char_lm/model.hpp"
#include "char_lm/options.hpp"

namespace unroll::char_lm {

/// Bytes that training cannot do without: weights, gradients, the optimiser's state, and for one window of
/// `symbols` symbols the gates and the logits.
double least_memory(const ModelOptions& model, const std::string& optimizer, std::int64_t symbols);

/// Errors: UsageError naming the options that matter if training needs more than the machine has.
void check_memory(const TrainOptions& options, const ModelOptions& model, std::int64_t symbols);

}  // namespace unroll::char_lm
