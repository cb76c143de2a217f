#include "common/optimizers.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "unroll/optim/rules.hpp"

namespace unroll::program {

const std::string& optimizer_help() {
  static const std::string help = fmt::format("update rule: {}", fmt::join(optimizer_names(), ", "));
  return help;
}

namespace {
/// Whether a matrix lies between embedding and output, as Muon wants it.
bool is_inner(const Variable<float>& matrix) {
  const std::string& name = matrix.name();
  return name.find("embedding") == std::string::npos && !name.starts_with("output.");
}
}  // namespace

bool is_optimizer(const std::string& name) { return std::ranges::count(optimizer_names(), name) > 0; }

std::unique_ptr<Optimizer<float>> make_optimizer(const std::string& name, double lr,
                                                 const std::vector<Variable<float>>& parameters,
                                                 std::optional<double> weight_decay) {
  if (!is_optimizer(name))
    raise<UsageError>("--optimizer: there is no '{}'; there are {}", name,
                      fmt::join(optimizer_names(), ", "));
  if (name != MuonOptions::rule) return unroll::make_optimizer(name, parameters, lr, weight_decay);
  MuonOptions options{
      .lr = lr, .weight_decay = weight_decay.value_or(0.01), .adjust_lr = MuonScale::match_rms_adamw};
  return std::make_unique<Muon<float>>(muon_with_adamw(parameters, options, is_inner));
}

int optimizer_numbers(const std::string& name) {
  return make_optimizer(name, 1, {Variable<float>({1, 1}, 0.F)})->numbers_per_weight();
}

}  // namespace unroll::program
