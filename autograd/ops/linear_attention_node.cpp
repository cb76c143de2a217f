#include "unroll/autograd/linear_attention.hpp"

#include <cmath>

#include "unroll/autograd/threads.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/parallel.hpp"
#include "unroll/detail/autograd/ops/linear_attention_checks.hpp"
#include "unroll/detail/autograd/ops/linear_attention_chunk.hpp"
#include "unroll/detail/autograd/ops/linear_attention_recorded.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace attention {
namespace {

template <class T>
Problem<T> problem_of(const ByRole<T>& in, const LinearAttentionOptions<T>& options) {
  const auto data = [&](Role role) { return in[role] ? in[role].tensor()->data : nullptr; };
  const Shape& q = in[q_role].shape();
  const index_t key_size = q[3];
  const double scale = options.scale ? *options.scale : 1 / std::sqrt(static_cast<double>(key_size));
  return {.steps = q[0],
          .batch = q[1],
          .heads = q[2],
          .key_size = key_size,
          .value_size = in[v_role].shape()[3],
          .chunk = std::min(options.chunk, std::max<index_t>(q[0], 1)),
          .rule = options.rule,
          .keyed = in[decay_role] && in[decay_role].rank() == 4,
          .scale = static_cast<T>(scale),
          .q = data(q_role),
          .k = data(k_role),
          .v = data(v_role),
          .decay = data(decay_role),
          .beta = data(beta_role),
          .a = data(a_role),
          .b = data(b_role),
          .bonus = data(bonus_role),
          .state = data(state_role),
          .lengths = options.lengths.size() > 0 ? options.lengths.data() : nullptr};
}

/// Calls f(first, last) for the sequences' heads, shared out to threads.
template <class T, class F>
void for_items(const Problem<T>& p, F&& f) {
  const index_t items = p.batch * p.heads;
  const double work = static_cast<double>(p.steps * items) * static_cast<double>(p.state_size());
  const index_t parts = num_threads() == 1 || work < 2.5e5 ? 1 : std::min<index_t>(items, 4 * num_threads());
  if (parts <= 1) return f(index_t{0}, items);
  in_parallel(static_cast<int>(parts), false,
              [&](int part) { f(part * items / parts, (part + 1) * items / parts); });
}

/// Sets rows [first, steps) of an item to 0.
template <class T>
void clear_rows(const Problem<T>& p, index_t item, index_t first, index_t size, const Slopes<T>& to) {
  for (index_t t = first; to.at && !to.add && t < p.steps; ++t)
    std::fill_n(to.at + p.row(t, item, size), size, T{0});
}

/// kept: the state before each chunk of each item, or null.
template <class T>
void run_forward(const Problem<T>& p, T* output, T* last_state, T* kept) {
  for_items(p, [&](index_t first, index_t last) {
    Chunk<T> chunk(p, false);
    for (index_t item = first; item < last; ++item) {
      chunk.set_state(p.state ? p.state + item * p.state_size() : nullptr);
      const index_t length = p.length(item);
      for (index_t c = 0; c * p.chunk < length; ++c) {
        if (kept) chunk.copy_state(kept + (item * p.chunks() + c) * p.state_size());
        chunk.load(item, c * p.chunk, std::min(p.chunk, length - c * p.chunk));
        chunk.forward(output);
      }
      clear_rows(p, item, length, p.value_size, Slopes<T>{output, false});
      chunk.copy_state(last_state + item * p.state_size());
    }
  });
}

template <class T>
void run_backward(const Problem<T>& p, const ProblemSlopes<T>& to, const T* kept) {
  for_items(p, [&](index_t first, index_t last) {
    Chunk<T> chunk(p, true);
    for (index_t item = first; item < last; ++item) {
      const index_t length = p.length(item);
      chunk.set_state_slope(to.last_state ? to.last_state + item * p.state_size() : nullptr);
      for (index_t c = (length + p.chunk - 1) / p.chunk - 1; c >= 0; --c) {
        chunk.set_state(kept + (item * p.chunks() + c) * p.state_size());
        chunk.load(item, c * p.chunk, std::min(p.chunk, length - c * p.chunk));
        chunk.backward(to);
      }
      for (const Slopes<T>& slopes : {to.q, to.k, to.a, to.b})
        clear_rows(p, item, length, p.key_size, slopes);
      clear_rows(p, item, length, p.value_size, to.v);
      clear_rows(p, item, length, p.keyed ? p.key_size : 1, to.decay);
      clear_rows(p, item, length, 1, to.beta);
      if (to.state.at) chunk.write_state_slope(to.state.at + item * p.state_size(), to.state.add);
    }
  });
}

/// Gradients of inputs as dense arrays: in place where they are and do not overlap, else written when all are done.
template <class T>
class SlopeTargets {
 public:
  Slopes<T> open(Tensor<T>& x) {
    const index_t size = x.shape.size();
    const GradSlot<T> slot = open_grad(x);
    const T* const end = slot.end(size);
    bool direct = slot.run == size;
    for (const Target& other : targets_)
      direct = direct && (end <= other.slot.data || other.slot.end(other.tensor->shape.size()) <= slot.data);
    targets_.push_back({&x, slot, PoolVector<T>(direct ? 0 : static_cast<std::size_t>(size))});
    return direct ? Slopes<T>{slot.data, slot.add} : Slopes<T>{targets_.back().own.data(), false};
  }
  void finish() {
    for (const Target& target : targets_) {
      const index_t size = target.tensor->shape.size();
      if (!target.own.empty()) write_gradient(target.slot, size, target.own.data(), size, size);
    }
  }

 private:
  struct Target {
    Tensor<T>* tensor;
    GradSlot<T> slot;
    PoolVector<T> own;
  };
  std::vector<Target> targets_;
};

template <class T>
class LinearAttentionNode final : public Node<T> {
 public:
  /// `present` says which inputs there are; the options' Variables are not kept.
  LinearAttentionNode(const std::array<bool, roles>& present, const LinearAttentionOptions<T>& options,
                      Ref<Block> kept)
      : present_(present), kept_(std::move(kept)) {
    options_.scale = options.scale;
    options_.rule = options.rule;
    options_.chunk = options.chunk;
    options_.lengths = options.lengths;
  }

  void backward() override {
    const T *output = this->output_grad(0), *last_state = this->output_grad(1);
    if (!output && !last_state) return;
    const ByRole<T> in = inputs();
    const Problem<T> p = problem_of(in, options_);
    SlopeTargets<T> targets;
    const auto open = [&](Role role) {
      return present_[role] && this->wants(place(role)) ? targets.open(this->input(place(role)))
                                                        : Slopes<T>{};
    };
    ProblemSlopes<T> to{.output = output, .last_state = last_state};
    to.q = open(q_role);
    to.k = open(k_role);
    to.v = open(v_role);
    to.decay = open(decay_role);
    to.beta = open(beta_role);
    to.a = open(a_role);
    to.b = open(b_role);
    const Slopes<T> bonus = open(bonus_role);
    to.state = open(state_role);
    PoolVector<double> bonus_slopes(bonus.at ? static_cast<std::size_t>(p.batch * p.heads * p.key_size) : 0,
                                    0.0);
    to.bonus = bonus.at ? bonus_slopes.data() : nullptr;
    run_backward(p, to, static_cast<const T*>(kept_->data()));
    if (bonus.at) sum_bonus(p, bonus_slopes, bonus);
    targets.finish();
    if (!this->retaining()) kept_.reset();
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    const ByRole<T> in = inputs();
    const ByRole<T> slopes =
        recorded_slopes(options_.rule, static_cast<double>(problem_of(in, options_).scale), options_.lengths,
                        in, dy[0], dy[1]);
    std::vector<Variable<T>> dx(this->input_count());
    for (int k = 0; k < roles; ++k) {
      const auto role = static_cast<Role>(k);
      if (present_[role] && this->wants(place(role))) dx[place(role)] = slopes[role];
    }
    return dx;
  }
  std::string name() const override { return "linear_attention"; }
  std::vector<Variable<T>> as_ops(const std::vector<Variable<T>>&) const override {
    const ByRole<T> in = inputs();
    const Problem<T> p = problem_of(in, options_);
    if (p.steps != 1 || p.lengths) return {};
    return recorded_step(p.rule, p.scale, in);
  }

 private:
  std::size_t place(Role role) const {
    return static_cast<std::size_t>(std::count(present_.begin(), present_.begin() + role, true));
  }
  ByRole<T> inputs() const {
    ByRole<T> in;
    for (int k = 0; k < roles; ++k) {
      const auto role = static_cast<Role>(k);
      if (present_[role]) in[role] = Variable<T>(TensorRef<T>(&this->input(place(role))));
    }
    return in;
  }
  static void sum_bonus(const Problem<T>& p, const PoolVector<double>& of_items, const Slopes<T>& to) {
    const index_t size = p.heads * p.key_size;
    for (index_t i = 0; i < size; ++i) {
      double sum = to.add ? to.at[i] : 0.0;
      for (index_t r = 0; r < p.batch; ++r) sum += of_items[static_cast<std::size_t>(r * size + i)];
      to.at[i] = static_cast<T>(sum);
    }
  }

  std::array<bool, roles> present_;
  LinearAttentionOptions<T> options_;
  Ref<Block> kept_;
};

}  // namespace
}  // namespace attention
}  // namespace detail

template <class T>
LinearAttention<T> linear_attention(const Variable<T>& q, const detail::Same<Variable<T>>& k,
                                    const detail::Same<Variable<T>>& v,
                                    const detail::Same<LinearAttentionOptions<T>>& options) {
  using namespace detail;
  using namespace detail::attention;
  ByRole<T> in{q, k, v, options.decay, options.beta, options.a, options.b, options.bonus, options.state};
  check_call(in, options);
  std::vector<Tensor<T>*> inputs;
  std::array<bool, roles> present{};
  for (std::size_t i = 0; i < roles; ++i) {
    if (!in[i]) continue;
    present[i] = true;
    in[i] = dense(in[i]);
    inputs.push_back(in[i].tensor());
  }
  const bool recorded = begin_op<T>("linear_attention", inputs);
  if (in[decay_role] && !options.growth) check_decay(in[decay_role]);
  const Problem<T> p = problem_of(in, options);
  const TensorRef<T> output = Tape<T>::local().allocate_output(in[v_role].shape());
  const TensorRef<T> state =
      Tape<T>::local().allocate_output(Shape{p.batch, p.heads, p.key_size, p.value_size});
  Ref<Block> kept;
  if (recorded) {
    const index_t size = p.batch * p.heads * p.chunks() * p.state_size();
    kept = Ref<Block>(Block::allocate(static_cast<std::size_t>(size) * sizeof(T)));
  }
  run_forward(p, output->data, state->data, recorded ? static_cast<T*>(kept->data()) : nullptr);
  const Variable<T> results[] = {Variable<T>(output), Variable<T>(state)};
  if (recorded) {
    const auto node = record_op<LinearAttentionNode<T>>(inputs, results, present, options, std::move(kept));
    if (AnomalyMode::active())
      for (const Variable<T>& result : results) check_anomaly<T>(*node, *result.tensor());
  }
  return {results[0], results[1]};
}

UNROLL_COMPILE_FUNCTIONS(linear_attention)

}  // namespace unroll
