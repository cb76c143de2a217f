#pragma once
/// \file Optimisers by name.

#include <memory>
#include <optional>
#include <string>

#include "unroll/optim/optimizer.hpp"

namespace unroll::program {

/// The help of --optimizer, which names all rules.
const std::string& optimizer_help();

/// Whether there is a rule of that name.
bool is_optimizer(const std::string& name);

/// By "muon" it is Muon, with steps as large as AdamW's, for the matrices between embedding and output, and AdamW for the
/// rest. Without a `weight_decay` the rule has its own.
/// Errors: UsageError for a name that does not exist, naming those that do.
std::unique_ptr<Optimizer<float>> make_optimizer(const std::string& name, double lr,
                                                 const std::vector<Variable<float>>& parameters,
                                                 std::optional<double> weight_decay = {});

/// Numbers that an optimiser keeps for each weight.
int optimizer_numbers(const std::string& name);

}  // namespace unroll::program
