#pragma once
/// \file Whether a model can fit into the machine, asked before it is made.

#include <string_view>

#include "common/recurrent.hpp"

namespace unroll::program {

/// Bytes of memory that the machine has.
double machine_memory();

/// The number of weights of a recurrent layer, biases and the like left out, without making it.
double count_weights(const std::string& cell, const CellOptions& options);

/// For `weights` weights, each with its gradient and the optimiser's numbers.
/// Errors: UsageError that begins with `sizes`, the options that matter, if they need more memory than there
///         is; or for an optimiser that does not exist.
void check_memory(double weights, const std::string& optimizer, std::string_view sizes);

}  // namespace unroll::program
