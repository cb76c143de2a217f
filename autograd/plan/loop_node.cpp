#include "unroll/detail/autograd/plan/loop_node.hpp"

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/subpass.hpp"
#include "unroll/detail/autograd/plan/loop_backward.hpp"
#include "unroll/detail/autograd/plan/loop_forward.hpp"

namespace unroll::detail {
namespace {

/// Inputs: x, what is carried into the first step, the constants. Outputs: those of the steps but the last, and what the
/// last one carries on.
template <class T>
class LoopNode final : public Node<T> {
 public:
  LoopNode(LoopValues<T> values, std::vector<char> reads)
      : reads_(std::move(reads)), values_(std::move(values)) {}
  bool reads(std::size_t k) const { return reads_[k] != 0; }

  void backward() override {
    if (AnomalyMode::active()) return run_anew();
    LoopGradients<T> gradients;
    gradients.hidden = this->output_grad();
    bool any = gradients.hidden != nullptr;
    for (std::size_t k = 1; k < this->output_count(); ++k) {
      gradients.carried.push_back(this->output_grad(k));
      any = any || gradients.carried.back();
    }
    if (!any) return;
    const auto wanted = [this](std::size_t k) { return this->wants(k) ? &this->input(k) : nullptr; };
    gradients.x = wanted(0);
    for (std::size_t k = 1; k < this->input_count(); ++k)
      (k <= carried() ? gradients.before : gradients.constants).push_back(wanted(k));
    LoopBackward<T>(values_, std::move(gradients)).run();
    finish();
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    Subpass<T> pass;
    std::vector<TensorRef<T>> roots, inputs;
    std::vector<Variable<T>> seeds, results = record_steps();
    for (std::size_t k = 0; k < results.size(); ++k) {
      if (!dy[k] || !results[k].requires_grad()) continue;
      roots.push_back(results[k].ref());
      seeds.push_back(dy[k]);
    }
    for (std::size_t k = 0; k < this->input_count(); ++k) inputs.emplace_back(&this->input(k));
    return pass.record_backward(roots, seeds, inputs);
  }

  std::string name() const override { return "scan"; }

 private:
  std::size_t carried() const { return this->output_count() - 1; }

  void finish() {
    if (!this->retaining()) values_ = {};
  }

  // The steps as nodes, which say where a gradient goes wrong.
  void run_anew() {
    Subpass<T> pass;
    std::vector<TensorRef<T>> roots;
    std::vector<Variable<T>> seeds, results = record_steps();
    for (std::size_t k = 0; k < results.size(); ++k) {
      const Tensor<T>* out = this->output(k);
      if (!out || !this->output_grad(k) || !results[k].requires_grad()) continue;
      const GradSlot<T> g = grad_layout(*out);
      roots.push_back(std::move(results[k]).ref());
      seeds.push_back(Variable<T>(Tensor<T>::alias(out->grad_storage, g.data, out->shape, g.run, g.pitch)));
    }
    results.clear();
    pass.backward(roots, seeds);
    finish();
  }

  /// The steps recorded anew: the outputs of this node, computed by other nodes from the same inputs.
  std::vector<Variable<T>> record_steps() const {
    const LoopProgram<T>& program = values_.program();
    const auto in = [this](std::size_t k) { return Variable<T>(TensorRef<T>(&this->input(k))); };
    const std::vector<Variable<T>> xs = unbind(in(0));
    std::vector<Variable<T>> before, hidden(xs.size());
    for (std::size_t c = 0; c < carried(); ++c) before.push_back(in(1 + c));
    for (index_t step = 0; step < values_.steps(); ++step) {
      const auto at = static_cast<std::size_t>(values_.in_memory(step));
      std::vector<Variable<T>> values(program.values.size());
      for (const LoopKernel<T>& k : program.kernels) {
        std::vector<Variable<T>> arguments;
        for (const LoopPlace& p : k.in) {
          arguments.push_back(p.kind == LoopPlace::Kind::input    ? xs[at]
                              : p.kind == LoopPlace::Kind::before ? before[p.number]
                              : p.kind == LoopPlace::Kind::value  ? values[p.number]
                                                                  : in(1 + carried() + p.number));
        }
        std::vector<Variable<T>> results = k.node->again(arguments);
        for (std::size_t m = 0; m < k.out.size(); ++m)
          if (k.out[m] != LoopKernel<T>::unused) values[k.out[m]] = std::move(results[m]);
      }
      for (std::size_t c = 0; c < carried(); ++c) before[c] = values[program.carried[c]];
      hidden[at] = before[program.output];
    }
    hidden.erase(values_.reverse() ? hidden.begin() : hidden.end() - 1);  // the last step's is carried on
    std::vector<Variable<T>> results = {stack(hidden)};
    results.insert(results.end(), before.begin(), before.end());
    return results;
  }

  std::vector<char> reads_;  // backward reads the value of which input
  LoopValues<T> values_;
};

// Whether backward reads each input of the node: neither what products are added to nor biases.
template <class T>
std::vector<char> inputs_read(const LoopProgram<T>& program) {
  const std::size_t carried = program.carried.size();
  std::vector<char> reads(1 + carried + program.constants.size(), 0);
  const auto note = [&](LoopPlace p) {
    while (p.kind == LoopPlace::Kind::value && program.values[p.number].whole)
      p = *program.values[p.number].whole;
    if (p.kind == LoopPlace::Kind::input) reads[0] = 1;
    if (p.kind == LoopPlace::Kind::before) reads[1 + p.number] = 1;
    if (p.kind == LoopPlace::Kind::constant) reads[1 + carried + p.number] = 1;
  };
  for (const LoopKernel<T>& k : program.kernels) {
    if (k.kind == LoopKernel<T>::Kind::fused)
      for (const LoopPlace& p : k.in) note(p);
    for (const auto& term : k.terms) note(k.in[term.x]), note(k.in[term.w]);
  }
  return reads;
}

}  // namespace

template <class T>
LoopResult<T> run_loop(std::shared_ptr<const LoopProgram<T>> program, LoopInputs<T> inputs) {
  PoolVector<Tensor<T>*> all = {inputs.x.tensor()};
  for (const Variable<T>& v : inputs.before) all.push_back(v.tensor());
  for (const TensorRef<T>& t : program->constants) all.push_back(t.get());
  const bool recorded = begin_op<T>("scan", all);
  const LoopInputs<T> kept = inputs;  // until the node holds them
  LoopValues<T> values(program, std::move(inputs));
  LoopForward<T>(values).run();

  const index_t steps = values.steps(),
                unit = program->values[program->carried[program->output]].shape.size();
  const auto slices = [&](index_t first, const Shape& shape) {
    return Variable<T>(
        Tensor<T>::alias(kept.hidden_storage, kept.hidden + first * unit, shape, shape.size(), shape.size()));
  };
  LoopResult<T> result;
  std::vector<Variable<T>> outputs;
  for (std::size_t c = 0; c < program->carried.size(); ++c) {
    const Shape& shape = program->values[program->carried[c]].shape;
    if (c == program->output) {
      result.hidden = slices(values.reverse() ? 1 : 0, shape.inserted(0, steps - 1));
      result.carried.push_back(slices(values.in_memory(steps - 1), shape));
    } else {
      auto last = Variable<T>::uninitialised(shape);
      std::copy_n(values.at({LoopPlace::Kind::value, program->carried[c]}, steps - 1), shape.size(),
                  last.tensor()->data);
      result.carried.push_back(std::move(last));
    }
  }
  outputs.push_back(result.hidden);
  outputs.insert(outputs.end(), result.carried.begin(), result.carried.end());
  if (recorded) record_op<LoopNode<T>>(all, outputs, std::move(values), inputs_read(*program));
  return result;
}

UNROLL_COMPILE_FUNCTIONS(run_loop)

}  // namespace unroll::detail
