#include "unroll/layers/check_visit.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/tools/leaves.hpp"

namespace unroll::detail {

OneThread::OneThread() : before_(num_threads()) { set_num_threads(1); }
OneThread::~OneThread() { set_num_threads(before_); }

namespace {

// The result of an op is computed once: an optimiser cannot change it, and backward goes through it once.
template <class T>
void check_leaves(const std::vector<NamedParameter<T>>& parameters) {
  for (const auto& [name, p] : parameters) {
    if (p.is_leaf()) continue;
    raise<UsageError>(
        "check_visit: {} is the result of {}; a parameter must be a leaf: change it by update()", name,
        op_of(p));
  }
}

}  // namespace

template <class T>
void check_shown(const std::vector<Variable<T>>& outputs, const std::vector<NamedParameter<T>>& parameters,
                 const std::vector<Variable<T>>& inputs) {
  check_leaves(parameters);
  const auto trained = [](const auto& p) { return p.variable.requires_grad(); };
  const std::vector<ReadLeaf<T>> leaves = leaves_of(outputs);
  const bool inputs_are_checked =
      std::any_of(inputs.begin(), inputs.end(), [](const Variable<T>& v) { return v.requires_grad(); });
  if (!parameters.empty() && !inputs_are_checked &&
      std::none_of(parameters.begin(), parameters.end(), trained))
    raise<UsageError>(
        "check_visit: no parameter of the module requires a gradient; call requires_grad(true) on those to "
        "train, or unfreeze(module)");
  if (leaves.empty() && std::any_of(parameters.begin(), parameters.end(), trained))
    raise<UsageError>(
        "check_visit: the function's result depends on no parameter; call it outside NoGrad, and return what "
        "the module computed");
  std::string hidden;
  for (const auto& [leaf, op] : leaves) {
    const auto is_leaf = [&leaf = leaf](const Variable<T>& v) { return v.same_as(leaf); };
    const auto shows_leaf = [&](const auto& p) { return is_leaf(p.variable); };
    if (std::any_of(parameters.begin(), parameters.end(), shows_leaf) ||
        std::any_of(inputs.begin(), inputs.end(), is_leaf))
      continue;
    hidden += fmt::format("{}{}{}", hidden.empty() ? "" : "; ", name_and_shape(*leaf.tensor()),
                          op.empty() ? "" : ", read by " + op);
  }
  if (hidden.empty()) return;
  raise<UsageError>(
      "check_visit: parameters that visit() does not show are neither trained nor saved: {}; show them, or "
      "list what is an input",
      hidden);
}

UNROLL_COMPILE_FUNCTIONS(check_shown)

}  // namespace unroll::detail
