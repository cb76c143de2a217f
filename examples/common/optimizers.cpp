#include "common/optimizers.hpp"

#include "common/options.hpp"
#include "unroll/optim/adagrad.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/adamw.hpp"
#include "unroll/optim/rmsprop.hpp"
#include "unroll/optim/sgd.hpp"

namespace unroll::program {
namespace {

using Parameters = std::vector<Variable<float>>;
using OptimizerPointer = std::unique_ptr<Optimizer<float>>;

struct Kind {
  OptimizerPointer (*make)(const Parameters&, double lr);
  int numbers;  // kept for each weight
};

template <class Rule, class Options>
OptimizerPointer make_rule(const Parameters& parameters, double lr) {
  return std::make_unique<Rule>(parameters, Options{.lr = lr});
}

const std::map<std::string, Kind> kinds = {{"sgd", {make_rule<Sgd<float>, SgdOptions>, 0}},
                                           {"adagrad", {make_rule<Adagrad<float>, AdagradOptions>, 1}},
                                           {"rmsprop", {make_rule<RmsProp<float>, RmsPropOptions>, 1}},
                                           {"adam", {make_rule<Adam<float>, AdamOptions>, 2}},
                                           {"adamw", {make_rule<AdamW<float>, AdamWOptions>, 2}}};

const Kind& kind(const std::string& name) {
  const auto found = kinds.find(name);
  if (found != kinds.end()) return found->second;
  raise<UsageError>("--optimizer: there is no '{}'; there are {}", name, names_of(kinds));
}

}  // namespace

OptimizerPointer make_optimizer(const std::string& name, double lr, const Parameters& parameters) {
  return kind(name).make(parameters, lr);
}

int optimizer_numbers(const std::string& name) { return kind(name).numbers; }

}  // namespace unroll::program
