#pragma once
/// \file The list of all update rules, and optimisers chosen by name at run time.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/optim/adadelta.hpp"
#include "unroll/optim/adagrad.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/adamw.hpp"
#include "unroll/optim/lion.hpp"
#include "unroll/optim/muon.hpp"
#include "unroll/optim/rmsprop.hpp"
#include "unroll/optim/sgd.hpp"

/// All update rules, in the order of their names. Programs, tests, documents and goldens read this list; to add
/// one, see docs/contributing.md.
#define UNROLL_OPTIMIZERS(X) X(Adadelta) X(Adagrad) X(Adam) X(AdamW) X(Lion) X(Muon) X(RmsProp) X(Sgd)

namespace unroll {

/// What:   the names of all rules: "adadelta", "adagrad", …
const std::vector<std::string>& optimizer_names();

namespace detail {
template <class T>
std::unique_ptr<Optimizer<T>> optimizer_named(std::string_view rule, std::vector<Variable<T>> parameters,
                                              double lr, std::optional<double> weight_decay);
}  // namespace detail

/// What:   an optimiser by the name of its rule, with the rule's defaults for all options but lr and, where it is given,
///         weight_decay. By "muon" only matrices are updated by Muon, and the others by AdamW; see muon_with_adamw().
/// Errors: UsageError for a rule that does not exist, naming those that do; otherwise as the constructors.
template <ParameterList R>
auto make_optimizer(std::string_view rule, const R& parameters, double lr,
                    std::optional<double> weight_decay = {}) {
  return detail::optimizer_named(rule, variables(parameters), lr, weight_decay);
}

/// Refuses a module.
template <detail::NotAList M>
std::unique_ptr<Optimizer<float>> make_optimizer(std::string_view, const M&, double,
                                                 std::optional<double> = {}) {
  return detail::refuse_module<M>(), nullptr;
}

}  // namespace unroll
