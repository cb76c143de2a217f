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

/// A walk over inputs of any layouts that broadcast to `shape`.
template <class T, int L>
struct FusedWalk {
  const T* data[L + 1];
  index_t masks[L + 1];
  Lane lanes[L + 1];
  Loop loop;

  FusedWalk(Tensor<T>* const* inputs, const Shape& shape) {
    Layout layouts[L + 1];
    for (int k = 0; k < L; ++k) layouts[k] = {&inputs[k]->shape, inputs[k]->run, inputs[k]->pitch};
    loop = plan_loop(shape, {layouts, static_cast<std::size_t>(L)}, lanes);
    for (int k = 0; k < L; ++k) data[k] = inputs[k]->data, masks[k] = lanes[k].mask;
  }
};

// Whether the walk over t is one row, along which it does not repeat: so it is for nearly all.
template <class T>
bool is_plain(const Tensor<T>& t, const Shape& shape) {
  return t.run == shape.size() && (&t.shape == &shape || t.shape == shape);
}

/// A fused expression on the tape: its L inputs, its outputs, and the tree with its constants.
template <class T, int L, class... Trees>
class FusedNode final : public FixedNode<T, L, sizeof...(Trees)> {
 public:
  /// `plain`: all inputs have the shape of the outputs, and lie in one piece.
  FusedNode(std::tuple<Trees...> trees, bool plain) : trees_(std::move(trees)), plain_(plain) {}

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
    bool plain = plain_, stores = false, entangled = false;
    for (int k = 0; k < L; ++k) {
      sinks[k] = {};
      if (!this->wants(k)) continue;
      Tensor<T>& in = this->input(k);
      const GradSlot<T> slot = plain_ || in.shape == shape ? open_grad(in) : open_grad_to_add(in);
      sinks[k] = {slot.data, -1, slot.add && !mutate_store(first_op(std::get<0>(trees_)), k)};
      plain &= slot.run == shape.size();
      stores |= !slot.add;
      entangled |= in.grad_place != GradPlace::own;
    }
    if (stores && entangled) add_where_shared(sinks);
    if (!plain) return backward_walking(shape, out_grad, sinks);
    const T* row[L + 1];
    T* sink[L + 1];
    for (int k = 0; k < L; ++k) row[k] = this->input(k).data, sink[k] = sinks[k].data;
    backward_row<T, L>(trees_, all_along<L>.data(), row, 0, shape.size(), out_grad, 0, sinks, sink, nullptr);
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
  [[gnu::cold]] static void inspect_walk(const std::tuple<Trees...>& trees,
                                         const std::array<Tensor<T>*, L>& inputs, const Shape& shape,
                                         OpVisitor& visitor) {
    const FusedWalk<T, L> walk(inputs.data(), shape);
    if (walk.loop.cols == 0) return;
    using N = Batch<T>;
    alignas(64) T splat[L + 1][N::size];
    for_slabs(walk.loop, [&](const index_t* index, index_t) {
      for (index_t r = 0; r < walk.loop.rows; ++r) {
        for (index_t j = 0; j < walk.loop.cols; j += N::size) {
          const index_t n = std::min<index_t>(N::size, walk.loop.cols - j);
          N x[L + 1];
          for (int k = 0; k < L; ++k) {
            const Lane& lane = walk.lanes[k];
            const T* p = row_start(walk.data[k] + outer_offset(walk.loop, lane, index), lane, r, splat[k]);
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
  void add_where_shared(Sink<T>* sinks) const {
    const T* end[L + 1];
    for (int k = 0; k < L; ++k)
      end[k] = sinks[k].data ? grad_layout(this->input(k)).end(this->input(k).shape.size()) : nullptr;
    for (int k = 0; k < L; ++k) {
      for (int m = 0; m < L && sinks[k].data && !sinks[k].add; ++m) {
        const bool apart = sinks[m].data >= end[k] || sinks[k].data >= end[m];
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

  // Where inputs or gradients repeat elements or lie in several pieces.
  [[gnu::noinline]] void backward_walking(const Shape& shape, const T* const* out_grad, Sink<T>* sinks) {
    const T* data[L + 1];
    index_t masks[L + 1];
    Layout layouts[2 * L + 1];
    Lane lanes[2 * L + 1];
    for (int k = 0; k < L; ++k) {
      const Tensor<T>& in = this->input(k);
      const GradSlot<T> slot = grad_layout(in);
      layouts[k] = layouts[L + k] = {&in.shape, in.run, in.pitch};
      if (sinks[k].data) layouts[L + k] = {&in.shape, slot.run, slot.pitch};
    }
    const Loop loop = plan_loop(shape, {layouts, static_cast<std::size_t>(2 * L)}, lanes);
    for (int k = 0; k < L; ++k) {
      data[k] = this->input(k).data;
      masks[k] = lanes[k].mask;
      sinks[k].mask = lanes[L + k].mask;
    }
    fused_backward<T, L>(trees_, data, masks, lanes, loop, out_grad, sinks, lanes + L);
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
  bool plain_;
};

template <class X>
struct top_name {
  static constexpr const char* value = "fuse";
};
template <class Op, class... A>
struct top_name<Tree<Op, A...>> {
  static constexpr const char* value = Op::name;
};

// Where inputs repeat elements or lie in several pieces.
template <class T, int L, class... Trees>
[[gnu::noinline]] void forward_walking(const std::tuple<Trees...>& trees, Tensor<T>* const* inputs,
                                       const Shape& shape, T* const* out) {
  const FusedWalk<T, L> walk(inputs, shape);
  fused_forward<T, L>(trees, walk.data, walk.masks, walk.lanes, walk.loop, out);
}

/// Computes the outputs of `trees` over `inputs` and records the node where a gradient may be asked for.
template <class T, class... Trees, std::size_t L>
std::array<Variable<T>, sizeof...(Trees)> run_fused(const std::tuple<Trees...>& trees,
                                                    const std::array<Tensor<T>*, L>& inputs,
                                                    const Shape& shape) {
  constexpr std::size_t outputs = sizeof...(Trees);
  constexpr int n = static_cast<int>(L);
  const char* op = outputs > 1 ? "fuse" : top_name<std::tuple_element_t<0, std::tuple<Trees...>>>::value;
  const bool recorded = begin_op<T>(op, inputs);
  std::array<TensorRef<T>, outputs> out;
  T* data[outputs];
  Tape<T>& tape = Tape<T>::local();
  for (std::size_t m = 0; m < outputs; ++m) {
    out[m] = tape.allocate_output(shape);
    data[m] = out[m]->data;
  }
  bool plain = true;
  for (std::size_t k = 0; k < L; ++k) plain = plain && is_plain(*inputs[k], shape);
  if (plain) {
    const T* row[L + 1];
    for (std::size_t k = 0; k < L; ++k) row[k] = inputs[k]->data;
    forward_row<T, n>(trees, all_along<n>.data(), row, shape.size(), data, 0);
  } else {
    forward_walking<T, n>(trees, inputs.data(), shape, data);
  }
  using N = FusedNode<T, n, Trees...>;
  Ref<Node<T>> node(recorded ? new N(trees, plain) : nullptr);
  if (recorded) record<T>(node, inputs, out);
  if (AnomalyMode::active() || Onlooker::active()) {
    inspect_fused<T>(node.get(), inputs, shape, &N::name_of,
                     [&](OpVisitor& visitor) { N::inspect_walk(trees, inputs, shape, visitor); });
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
