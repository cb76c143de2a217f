/// \file A fused expression as a node of the tape.

#include <algorithm>
#include <memory>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/detail/autograd/base/common_shape.hpp"
#include "unroll/detail/autograd/base/mutants.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/fused/compiled.hpp"
#include "unroll/detail/autograd/fused/walk.hpp"

namespace unroll::detail {
namespace {

// Whether the walk over t is one row, along which it does not repeat: so it is for nearly all.
template <class T>
bool is_plain(const Tensor<T>& t, const Shape& shape) {
  return t.run == shape.size() && (&t.shape == &shape || t.shape == shape);
}

// For deliberate faults: that of the first output, −1 where it is an input.
template <class T>
int op_number(const FusedCode<T>& code) {
  const CodeStep& root = code.steps[code.first_root];
  return root.kind == CodeStep::Kind::op ? static_cast<int>(root.op) : -1;
}

/// How many inputs and outputs an expression has: L and one, or, for 0, what it says itself. In a small node
/// every loop that the compiler can resolve counts.
template <class T, std::size_t L>
struct Counts {
  const FusedCode<T>& code;
  static constexpr std::size_t most_inputs = L > 0 ? L : max_fused_inputs;
  static constexpr std::size_t most_outputs = L > 0 ? 1 : max_fused_outputs;
  std::size_t inputs() const { return L > 0 ? L : code.inputs; }
  std::size_t outputs() const { return L > 0 ? 1 : code.outputs; }
};

/// A fused expression and its numbers, which lie behind the node's lists.
template <class T, std::size_t L>
class FusedNode final : public Node<T> {
 public:
  /// `plain`: all inputs have the shape of the outputs, and lie in one piece.
  FusedNode(const FusedCode<T>& code, bool plain) : count_{code}, plain_(plain) {}
  static std::size_t extra_bytes(std::size_t, const FusedCode<T>& code, bool) {
    return code.numbers * sizeof(T);
  }
  void set_numbers(const T* numbers) {
    std::copy_n(numbers, count_.code.numbers, reinterpret_cast<T*>(this->extra()));
  }

  void backward() override {
    const T* out_grad[Count::most_outputs];
    const Tensor<T>* out = nullptr;
    for (std::size_t m = 0; m < count_.outputs(); ++m) {
      out_grad[m] = this->output_grad(m);
      if (out_grad[m]) out = this->output(m);
    }
    if (!out) return;
    const Shape& shape = out->shape;
    const T* row[Count::most_inputs];
    Sink<T> sinks[Count::most_inputs];
    bool plain = plain_, stores = false, entangled = false;
    for (std::size_t k = 0; k < count_.inputs(); ++k) {
      Tensor<T>& in = this->input(k);
      row[k] = in.data;
      sinks[k].data = nullptr;
      if (!this->wants(k)) continue;
      const GradSlot<T> slot = plain_ || in.shape == shape ? open_grad(in) : open_grad_to_add(in);
      sinks[k] = {slot.data, -1, slot.add && !mutate_store(op_number(count_.code), static_cast<int>(k))};
      plain &= slot.run == shape.size();
      stores |= !slot.add;
      entangled |= in.grad_place != GradPlace::own;
    }
    if (L != 1 && stores && entangled) add_where_shared(sinks);
    if (!plain) return backward_anywhere(shape, out_grad, sinks);
    backward_columns<T>(count_.code, numbers(), all_along.data(), row, shape.size(), out_grad, sinks);
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    std::vector<Variable<T>> in;
    for (std::size_t k = 0; k < count_.inputs(); ++k) in.emplace_back(TensorRef<T>(&this->input(k)));
    std::vector<Variable<T>> dx = record_code_backward<T>(count_.code, numbers(), in, dy);
    for (std::size_t k = 0; k < count_.inputs(); ++k)
      dx[k] = dx[k] && this->wants(k) ? fit_to(dx[k], in[k].shape()) : Variable<T>();
    return dx;
  }

  std::string name() const override { return count_.code.name(); }

  bool plan(StepPlanner<T>& to) const override {
    to.fused(*this, count_.code, numbers());
    return true;
  }

  std::vector<Variable<T>> again(const std::vector<Variable<T>>& inputs) const override;

 private:
  using Count = Counts<T, L>;

  /// A box around gradients that never share memory: those of the parts of one cut, or of one input.
  struct Region {
    const void* of;  // the cut, or the input
    const T *begin, *end;
    bool apart(const Region& other) const { return end <= other.begin || other.end <= begin; }
  };
  // What one input's sink stores late, another's may already have added to.
  void add_where_shared(Sink<T>* sinks) const {
    const T* end[Count::most_inputs];
    Region regions[Count::most_inputs];
    std::size_t count = 0;
    for (std::size_t k = 0; k < count_.inputs(); ++k) {
      if (!sinks[k].data) continue;
      const Tensor<T>& in = this->input(k);
      end[k] = grad_layout(in).end(in.shape.size());
      const Region here{in.is_view() ? static_cast<const void*>(in.creator.get()) : &in, sinks[k].data,
                        end[k]};
      std::size_t r = 0;
      while (r < count && regions[r].of != here.of) ++r;
      if (r == count)
        regions[count++] = here;
      else
        regions[r] = {here.of, std::min(regions[r].begin, here.begin), std::max(regions[r].end, here.end)};
    }
    bool apart = true;
    for (std::size_t r = 1; r < count; ++r)
      for (std::size_t q = 0; q < r; ++q) apart = apart && regions[r].apart(regions[q]);
    if (!apart) add_where_pairs_share(sinks, end);  // boxes may overlap where nothing is shared
  }
  [[gnu::noinline]] void add_where_pairs_share(Sink<T>* sinks, const T* const* end) const {
    for (std::size_t k = 0; k < count_.inputs(); ++k) {
      for (std::size_t m = 0; m < count_.inputs() && sinks[k].data && !sinks[k].add; ++m) {
        const bool apart = !sinks[m].data || sinks[m].data >= end[k] || sinks[k].data >= end[m];
        if (apart || never_shared(this->input(k), this->input(m))) continue;
        fill_runs(grad_layout(this->input(k)), this->input(k).shape.size(), T{0});
        sinks[k].add = true;
      }
    }
  }
  // The second of two equal inputs adds anyway, and parts of one cut lie between each other.
  static bool never_shared(const Tensor<T>& a, const Tensor<T>& b) {
    return &a == &b || (a.is_view() && b.is_view() && a.creator.get() == b.creator.get());
  }

  [[gnu::noinline]] void backward_anywhere(const Shape& shape, const T* const* out_grad,
                                           const Sink<T>* sinks) {
    Tensor<T>* inputs[Count::most_inputs];
    for (std::size_t k = 0; k < count_.inputs(); ++k) inputs[k] = &this->input(k);
    backward_walking<T>(count_.code, numbers(), inputs, shape, out_grad, sinks);
  }

  const T* numbers() const { return reinterpret_cast<const T*>(this->extra()); }

  Count count_;
  bool plain_;
};

template <class T, std::size_t L>
std::vector<Variable<T>> FusedNode<T, L>::again(const std::vector<Variable<T>>& inputs) const {
  Tensor<T>* in[Count::most_inputs];
  CommonShape shape;
  for (std::size_t k = 0; k < count_.inputs(); ++k) {
    in[k] = inputs[k].tensor();
    shape.include(count_.code.op_name, in[k]->shape);
  }
  std::vector<Variable<T>> outputs(count_.outputs());
  run_code<T>(count_.code, numbers(), in, *shape, outputs.data());
  return outputs;
}

template <class T, std::size_t L>
void run(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs, const Shape& shape,
         Variable<T>* outputs) {
  using Count = Counts<T, L>;
  const Count count{code};
  const std::span<Tensor<T>* const> all(inputs, count.inputs());
  const bool recorded = begin_op<T>(code.op_name, all);
  T* data[Count::most_outputs];
  for (std::size_t m = 0; m < count.outputs(); ++m) {
    outputs[m] = Variable<T>(Tape<T>::local().allocate_output(shape));
    data[m] = outputs[m].tensor()->data;
  }
  const T* row[Count::most_inputs];
  bool plain = true;
  for (std::size_t k = 0; k < count.inputs(); ++k) {
    plain = plain && is_plain(*inputs[k], shape);
    row[k] = inputs[k]->data;
  }
  if (plain) {
    forward_columns<T>(code, numbers, all_along.data(), row, shape.size(), data);
  } else {
    forward_walking<T>(code, numbers, inputs, shape, data);
  }
  Ref<FusedNode<T, L>> node;
  if (recorded) {
    node = record_op<FusedNode<T, L>>(all, {outputs, count.outputs()}, code, plain);
    node->set_numbers(numbers);
  }
  if (AnomalyMode::active() || Observer::active())
    inspect_fused<T>(node.get(), code, numbers, inputs, {outputs, count.outputs()});
}

}  // namespace

template <class T>
void run_code(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs, const Shape& shape,
              Variable<T>* outputs) {
  if (code.outputs == 1) {
    if (code.inputs == 2) return run<T, 2>(code, numbers, inputs, shape, outputs);
    if (code.inputs == 1) return run<T, 1>(code, numbers, inputs, shape, outputs);
    if (code.inputs == 3) return run<T, 3>(code, numbers, inputs, shape, outputs);
  }
  run<T, 0>(code, numbers, inputs, shape, outputs);
}

UNROLL_COMPILE_FUNCTIONS(run_code)

}  // namespace unroll::detail
