#include "unroll/optim/rules.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <fmt/ranges.h>

namespace unroll {

const std::vector<std::string>& optimizer_names() {
  static const std::vector<std::string> names = {
#define UNROLL_NAME(Rule) Rule##Options::rule,
      UNROLL_OPTIMIZERS(UNROLL_NAME)
#undef UNROLL_NAME
  };
  return names;
}

namespace {

// With all parameters in one group; of a rule that does not take every parameter, in two.
template <class Rule, class T, class Options>
std::unique_ptr<Optimizer<T>> made(std::vector<Variable<T>> parameters, const Options& options) {
  if constexpr (std::same_as<Options, MuonOptions>)
    return std::make_unique<Rule>(muon_with_adamw(parameters, options));
  else
    return std::make_unique<Rule>(std::move(parameters), options);
}

}  // namespace

template <class T>
std::unique_ptr<Optimizer<T>> detail::optimizer_named(std::string_view rule,
                                                      std::vector<Variable<T>> parameters, double lr,
                                                      std::optional<double> weight_decay) {
#define UNROLL_MAKE(Rule)                                   \
  if (rule == Rule##Options::rule) {                        \
    Rule##Options options;                                  \
    options.lr = lr;                                        \
    if (weight_decay) options.weight_decay = *weight_decay; \
    return made<Rule<T>>(std::move(parameters), options);   \
  }
  UNROLL_OPTIMIZERS(UNROLL_MAKE)
#undef UNROLL_MAKE
  raise<UsageError>("make_optimizer: there is no rule '{}'; there are {}", rule,
                    fmt::join(optimizer_names(), ", "));
}

namespace detail {
UNROLL_COMPILE_FUNCTIONS(optimizer_named)
}  // namespace detail

}  // namespace unroll
