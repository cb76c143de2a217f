#include "unroll/detail/autograd/plan/loop_watch.hpp"

#include <algorithm>

#include "unroll/autograd/no_grad.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/plan/loop_mode.hpp"

namespace unroll::detail {
namespace {

// Of larger steps the nodes are a small part.
constexpr index_t most_elements = 8192;

}  // namespace

template <class T>
LoopWatch<T>::LoopWatch(const char* obstacle, index_t steps)
    : active_(steps >= least && LoopMode::steps != LoopMode::Steps::recorded),
      checked_(LoopMode::steps == LoopMode::Steps::checked),
      count_(steps) {
  if (!active_) return;
  if (obstacle)
    give_up(obstacle);
  else if (NoGrad::active())
    give_up("nothing is recorded inside NoGrad");
}

template <class T>
void LoopWatch<T>::begin_step(std::vector<Variable<T>> state) {
  steps_[steps_[0].input ? 1 : 0].before = std::move(state);
  place_ = Tape<T>::local().next_place();
  reads_.emplace(true);
}

template <class T>
bool LoopWatch<T>::end_step(index_t n, const Variable<T>& x, std::vector<Variable<T>> state,
                            const Variable<T>& output) {
  LoopStep<T>& step = steps_[std::min<index_t>(n, 2) - 1];
  const std::string beside = beside_ops();
  reads_.reset();
  step.input = x;
  step.after = std::move(state);
  step.output = output.tensor();
  step.nodes = Tape<T>::local().nodes_from(place_);
  if (program_) return compare(n, beside), false;
  if (!beside.empty()) return give_up(beside);
  return n + 1 == recorded && learn();
}

// What the step did beside ops that are recorded; empty where that is nothing.
template <class T>
std::string LoopWatch<T>::beside_ops() const {
  if (reads_->by()) return fmt::format("the step reads a value by {}()", reads_->by());
  if (reads_->changes()) return "the step changes a value by update() or mutable_data()";
  if (reads_->unrecorded()) return "the step has an op on values without gradient, which is not recorded";
  return {};
}

template <class T>
bool LoopWatch<T>::learn() {
  if (escapes()) return give_up("somebody else holds what the step computes");
  LoopRecorder<T> first(steps_[0]), second(steps_[1]);
  if (!second.refusal().empty()) return give_up(second.refusal());
  if (!first.refusal().empty() || !same_program(first.program(), second.program()))
    return give_up("the second and the third step are not the same");
  index_t elements = 0;
  for (const LoopKernel<T>& k : second.program().kernels) elements += k.size;
  if (elements > most_elements)
    return give_up(fmt::format("a step computes {} numbers, and would be no faster", elements));
  program_ = std::make_shared<const LoopProgram<T>>(std::move(second.program()));
  if (LoopReport::wanted())
    LoopReport::tell(
        fmt::format("scan of {} steps: the first {} are recorded, the others run by this program:\n{}",
                    count_, recorded, program_->str()));
  if (checked_) return false;
  active_ = false;
  steps_[0] = steps_[1] = {};
  return true;
}

// Every step is recorded, and must be what the program says.
template <class T>
void LoopWatch<T>::compare(index_t n, std::string what) const {
  if (what.empty()) {
    LoopRecorder<T> now(steps_[1]);
    what = now.refusal();
    if (what.empty() && !same_program(now.program(), *program_)) what = now.program().str();
    if (what.empty()) return;
  }
  raise<UsageError>(
      "scan: step {} is not what the steps before it were, so that it must not run by their program: it "
      "depends on "
      "something beside its input and the state:\n{}",
      n, what);
}

template <class T>
bool LoopWatch<T>::give_up(const std::string& why) {
  active_ = false;
  steps_[0] = steps_[1] = {};
  if (LoopReport::wanted())
    LoopReport::tell(fmt::format("scan of {} steps: all are recorded: {}\n", count_, why));
  return false;
}

// Whether somebody holds a value beside the nodes that read it, the state and the stack of outputs: he would see only
// those of the first steps.
template <class T>
bool LoopWatch<T>::escapes() const {
  std::unordered_map<const Tensor<T>*, std::uint32_t> holders;
  for (const LoopStep<T>& step : steps_) {
    for (const Node<T>* node : step.nodes)
      for (std::size_t k = 0; k < node->input_count(); ++k) ++holders[&node->input(k)];
    for (const Variable<T>& v : step.after) ++holders[v.tensor()];
    ++holders[step.output];  // the stack
    ++holders[step.input.tensor()];
  }
  ++holders[steps_[1].input.tensor()];  // the loop
  for (const Variable<T>& v : steps_[1].before) ++holders[v.tensor()];
  for (const Variable<T>& v : steps_[1].after) ++holders[v.tensor()];  // the state itself
  const auto is_held = [&](const Tensor<T>* t) { return t && t->refs != holders[t]; };
  for (const LoopStep<T>& step : steps_) {
    if (is_held(step.input.tensor())) return true;
    for (const Node<T>* node : step.nodes)
      for (std::size_t k = 0; k < node->output_count(); ++k)
        if (is_held(node->output(k))) return true;
  }
  return false;
}

template <class T>
std::vector<Variable<T>> LoopWatch<T>::carried(const std::vector<Variable<T>>& state) const {
  std::vector<Variable<T>> values(program_->carried.size());
  for (std::size_t m = 0; m < state.size(); ++m) values[program_->members[m]] = state[m];
  return values;
}

template <class T>
std::vector<Variable<T>> LoopWatch<T>::members(const std::vector<Variable<T>>& carried) const {
  std::vector<Variable<T>> state;
  for (std::size_t c : program_->members) state.push_back(carried[c]);
  return state;
}

UNROLL_COMPILE_TYPES(class LoopWatch)

}  // namespace unroll::detail
