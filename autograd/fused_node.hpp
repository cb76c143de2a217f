#pragma once
/// \file A fused expression as a node of the tape.

#include "autograd/fused_kernel.hpp"
#include "autograd/tape.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push  // as in fused_kernel.hpp
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace unroll::detail {
inline namespace UNROLL_ISA {

template <class T, int L>
struct FusedWalk {
  Source<T> sources[L + 1];
  Lane lanes[L + 1];
  Loop loop;

  void set_masks() {
    for (int k = 0; k < L; ++k) sources[k].mask = lanes[k].mask;
  }
};

// All lanes plain: one row over everything.
template <class T>
bool plain(const Tensor<T>& t, const Shape& shape) {
  return t.run == shape.size() && t.shape == shape;
}

template <class T, int L>
void plan_forward(Tensor<T>* const* inputs, const Shape& shape, FusedWalk<T, L>& walk) {
  bool all_plain = true;
  for (int k = 0; k < L; ++k) {
    walk.sources[k].data = inputs[k]->data;
    all_plain = all_plain && plain(*inputs[k], shape);
  }
  if (all_plain) {
    walk.loop.cols = shape.size();
    walk.loop.plain = true;
    return;
  }
  Layout layouts[L + 1];
  for (int k = 0; k < L; ++k) layouts[k] = {&inputs[k]->shape, inputs[k]->run, inputs[k]->pitch};
  walk.loop = plan_loop(shape, {layouts, static_cast<std::size_t>(L)}, walk.lanes);
  walk.set_masks();
}

/// A fused expression on the tape: its L inputs, its outputs, and the tree with its constants.
template <class T, int L, class... Trees>
class FusedNode final : public FixedNode<T, L, sizeof...(Trees)> {
 public:
  explicit FusedNode(std::tuple<Trees...> trees) : trees_(std::move(trees)) {}

  void backward() override {
    constexpr int outputs = sizeof...(Trees);
    const T* out_grad[outputs];
    const Tensor<T>* out = nullptr;
    for (int m = 0; m < outputs; ++m) {
      out_grad[m] = this->output_grad(m);
      if (out_grad[m]) out = this->output(m);
    }
    if (!out) return;
    const Shape& shape = out->shape;
    Sink<T> sinks[L + 1];
    GradSlot<T> slots[L + 1];
    FusedWalk<T, L> walk;
    bool all_plain = true;
    for (int k = 0; k < L; ++k) {
      Tensor<T>& in = this->input(k);
      walk.sources[k].data = in.data;
      const bool whole = in.shape == shape;
      all_plain = all_plain && whole && in.run == shape.size();
      if (!this->wants(k)) continue;
      // In its place at once: a copy would wait for the fields just written.
      const GradSlot<T>& slot = *(whole ? new (&slots[k]) GradSlot<T>(open_grad(in))
                                        : new (&slots[k]) GradSlot<T>(open_grad_to_add(in)));
      sinks[k].data = slot.data;
      sinks[k].add = slot.add;
      all_plain = all_plain && slot.run == shape.size();
    }
    add_where_shared(slots, sinks);
    Lane lanes[2 * L + 1];
    if (all_plain) {
      walk.loop.cols = shape.size();
      walk.loop.plain = true;
    } else {
      plan_backward(shape, slots, walk, sinks, lanes);
    }
    fused_backward<T, L>(trees_, walk.sources, walk.lanes, walk.loop, out_grad, sinks, lanes + L);
  }

  [[gnu::cold]] std::vector<Variable<T>> emit(const std::vector<Variable<T>>& dy) override {
    using N = Dyn<T>;
    N in[L + 1], adjoints[L + 1];
    for (int k = 0; k < L; ++k) in[k] = N(Variable<T>(TensorRef<T>(&this->input(k))));
    [&]<std::size_t... M>(std::index_sequence<M...>) {
      (
          [&] {
            if (!dy[M]) return;
            const N d(dy[M]);
            push<0>(std::get<M>(trees_), eval<0>(std::get<M>(trees_), in), d, d, adjoints);
          }(),
          ...);
    }
    (std::index_sequence_for<Trees...>{});
    std::vector<Variable<T>> dx(L);
    for (int k = 0; k < L; ++k)
      if (adjoints[k].v && this->wants(k)) dx[k] = fit_to(adjoints[k].v, this->input(k).shape);
    return dx;
  }

  std::string name() const override { return name_of(); }
  static std::string name_of() {
    std::string text;
    ((text += (text.empty() ? "" : "; ") + tree_name<Trees>::get()), ...);
    return text;
  }

  /// Runs the walk again and shows `visitor` what every op makes.
  [[gnu::cold]] static void inspect_walk(const std::tuple<Trees...>& trees, const FusedWalk<T, L>& walk,
                                         OpVisitor& visitor) {
    if (walk.loop.cols == 0) return;
    using N = Batch<T>;
    alignas(64) T splat[L + 1][N::size];
    for_slabs(walk.loop, [&](const index_t* index, index_t) {
      for (index_t r = 0; r < walk.loop.rows; ++r) {
        for (index_t j = 0; j < walk.loop.cols; j += N::size) {
          const index_t n = std::min<index_t>(N::size, walk.loop.cols - j);
          N x[L + 1];
          for (int k = 0; k < L; ++k) {
            const Lane lane = walk.loop.plain ? Lane{{}, 0, -1} : walk.lanes[k];
            const T* p =
                row_start(walk.sources[k].data + outer_offset(walk.loop, lane, index), lane, r, splat[k]);
            x[k] = load_part_of_block(p + (j & lane.mask), n);
          }
          [&]<std::size_t... M>(std::index_sequence<M...>) {
            int number = 0;
            std::uint64_t inputs = 0;
            (inspect<0, T>(std::get<M>(trees), eval<0>(std::get<M>(trees), x), n, visitor, number, inputs),
             ...);
          }
          (std::index_sequence_for<Trees...>{});
        }
      }
    });
  }

 private:
  // What one input's sink stores late, another's may already have added to.
  void add_where_shared(GradSlot<T>* slots, Sink<T>* sinks) const {
    for (int k = 0; k < L; ++k) {
      for (int m = 0; m < L && sinks[k].data && !sinks[k].add; ++m) {
        if (!sinks[m].data || !grads_overlap(this->input(k), this->input(m))) continue;
        fill_runs(slots[k], this->input(k).shape.size(), T{0});
        sinks[k].add = true;
      }
      sinks[k].add = sinks[k].add && !mutate_store(first_op(std::get<0>(trees_)), k);
    }
  }

  void plan_backward(const Shape& shape, const GradSlot<T>* slots, FusedWalk<T, L>& walk, Sink<T>* sinks,
                     Lane* lanes) const {
    Layout layouts[2 * L + 1];
    for (int k = 0; k < L; ++k) {
      const Tensor<T>& in = this->input(k);
      layouts[k] = layouts[L + k] = {&in.shape, in.run, in.pitch};
      if (sinks[k].data) layouts[L + k] = {&in.shape, slots[k].run, slots[k].pitch};
    }
    walk.loop = plan_loop(shape, {layouts, static_cast<std::size_t>(2 * L)}, lanes);
    for (int k = 0; k < L; ++k) sinks[k].mask = lanes[L + k].mask;
    std::copy_n(lanes, L, walk.lanes);
    walk.set_masks();
  }

  static Batch<T> load_part_of_block(const T* p, index_t n) {
    alignas(64) T buffer[Batch<T>::size] = {};
    std::copy_n(p, n, buffer);
    return Batch<T>::load_aligned(buffer);
  }
  template <class X>
  static int first_op(const X&) {
    return -1;
  }
  template <class Op, class... A>
  static int first_op(const Tree<Op, A...>&) {
    return static_cast<int>(Op::id);
  }

  std::tuple<Trees...> trees_;
};

template <class X>
struct top_name {
  static constexpr const char* value = "fuse";
};
template <class Op, class... A>
struct top_name<Tree<Op, A...>> {
  static constexpr const char* value = Op::name;
};

/// Computes the outputs of `trees` over `inputs` and records the node where a gradient may be asked for.
template <class T, class... Trees, std::size_t L>
std::array<Variable<T>, sizeof...(Trees)> run_fused(const std::tuple<Trees...>& trees,
                                                    const std::array<Tensor<T>*, L>& inputs,
                                                    const Shape& shape) {
  constexpr std::size_t outputs = sizeof...(Trees);
  constexpr int n = static_cast<int>(L);
  const char* op = outputs > 1 ? "fuse" : top_name<std::tuple_element_t<0, std::tuple<Trees...>>>::value;
  const bool recorded = begin_op<T>(op, inputs);
  FusedWalk<T, n> walk;
  plan_forward<T, n>(inputs.data(), shape, walk);
  std::array<TensorRef<T>, outputs> out;
  T* data[outputs];
  Tape<T>& tape = Tape<T>::local();
  for (std::size_t m = 0; m < outputs; ++m) {
    out[m] = tape.allocate_output(shape);
    data[m] = out[m]->data;
  }
  fused_forward<T, n>(trees, walk.sources, walk.lanes, walk.loop, data);
  using N = FusedNode<T, n, Trees...>;
  Ref<Node<T>> node(recorded ? new N(trees) : nullptr);
  if (recorded) record<T>(node, inputs, out);
  if (AnomalyMode::active() || Onlooker::active()) {
    inspect_fused<T>(node.get(), inputs, shape, &N::name_of,
                     [&](OpVisitor& visitor) { N::inspect_walk(trees, walk, visitor); });
  }
  std::array<Variable<T>, outputs> result;
  for (std::size_t m = 0; m < outputs; ++m) result[m] = Variable<T>(std::move(out[m]));
  return result;
}

}  // namespace UNROLL_ISA
}  // namespace unroll::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
