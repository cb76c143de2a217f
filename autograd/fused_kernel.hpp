#pragma once
/// \file The kernel behind fused expressions: evaluates a tree of scalar ops block by block, and its
/// adjoints in a second walk that recomputes the values in registers.

#include <tuple>
#include <utility>

#include "autograd/loop.hpp"
#include "autograd/mutants.hpp"
#include "autograd/scalar_ops.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {

/// Leaves of a tree: the next input in order of appearance, input K, a number.
struct Slot {};
template <int K>
struct Arg {};
template <class T>
struct Const {
  T c;
};
template <class Op, class... A>
struct Tree {
  std::tuple<A...> arguments;
};

template <class X>
inline constexpr int tree_slots = 0;
template <>
inline constexpr int tree_slots<Slot> = 1;
template <class Op, class... A>
inline constexpr int tree_slots<Tree<Op, A...>> = (0 + ... + tree_slots<A>);

/// Slots that precede argument number k.
template <class... A>
constexpr int slots_before(int k) {
  const int counts[] = {tree_slots<A>..., 0};
  int sum = 0;
  for (int i = 0; i < k; ++i) sum += counts[i];
  return sum;
}

/// The value of every node of a tree.
template <class N, class X>
struct Values {
  N v;
};
template <class N, class Op, class... A>
struct Values<N, Tree<Op, A...>> {
  N v;
  std::tuple<Values<N, A>...> below;
};

template <int I, class N>
UNROLL_INLINE Values<N, Slot> eval(const Slot&, const N* in) {
  return {in[I]};
}
template <int I, class N, int K>
UNROLL_INLINE Values<N, Arg<K>> eval(const Arg<K>&, const N* in) {
  return {in[K]};
}
template <int I, class N, class T>
UNROLL_INLINE Values<N, Const<T>> eval(const Const<T>& x, const N*) {
  return {N(x.c)};
}
template <int I, class N, class Op, class... A>
UNROLL_INLINE Values<N, Tree<Op, A...>> eval(const Tree<Op, A...>& tree, const N* in) {
  return [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
    std::tuple<Values<N, A>...> below{eval<I + slots_before<A...>(K)>(std::get<K>(tree.arguments), in)...};
    if constexpr (is_dyn<N>::value) {
      N v(apply_compiled(Op::id, {std::get<K>(below).v.v...}));
      return Values<N, Tree<Op, A...>>{std::move(v), std::move(below)};
    } else {
      const N v = Op::value(std::get<K>(below).v...);
      return Values<N, Tree<Op, A...>>{v, below};
    }
  }
  (std::index_sequence_for<A...>{});
}

template <class N>
UNROLL_INLINE void add_adjoint(N& sum, const N& d) {
  if constexpr (is_dyn<N>::value) {
    sum = sum.v ? sum + d : d;
  } else {
    sum += d;
  }
}

/// Ops that do not use all of their arguments everywhere.
template <class Op>
inline constexpr bool selects =
    std::is_same_v<Op, where_op> || std::is_same_v<Op, minimum_op> || std::is_same_v<Op, maximum_op> ||
    std::is_same_v<Op, clamp_op> || std::is_same_v<Op, relu_op>;

/// Pushes the adjoint d of a tree's value down to the inputs. `taken` is the adjoint of the whole, or of the
/// argument of the nearest op above that selects: where it is 0 the value was not used, and whatever
/// 0 · ∞ made on the way down must not arrive.
template <int I, class N>
UNROLL_INLINE void push(const Slot&, const Values<N, Slot>&, const N& d, const N& taken, N* adjoints) {
  adjoints[I] = num::absorb(taken, d);
}
template <int I, class N, int K>
UNROLL_INLINE void push(const Arg<K>&, const Values<N, Arg<K>>&, const N& d, const N& taken, N* adjoints) {
  add_adjoint(adjoints[K], num::absorb(taken, d));
}
template <int I, class N, class T>
UNROLL_INLINE void push(const Const<T>&, const Values<N, Const<T>>&, const N&, const N&, N*) {}
template <int I, class N, class Op, class... A>
UNROLL_INLINE void push(const Tree<Op, A...>& tree, const Values<N, Tree<Op, A...>>& values, const N& d,
                        const N& taken, N* adjoints) {
  [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
    std::array<N, sizeof...(A)> ds =
        Op::adjoint(selects<Op> ? num::absorb(taken, d) : d, values.v, std::get<K>(values.below).v...);
    mutate(Op::id, ds);
    (push<I + slots_before<A...>(K)>(std::get<K>(tree.arguments), std::get<K>(values.below), ds[K],
                                     selects<Op> ? ds[K] : taken, adjoints),
     ...);
  }
  (std::index_sequence_for<A...>{});
}

template <class X>
struct tree_name {
  static std::string get() { return "x"; }
};
template <class T>
struct tree_name<Const<T>> {
  static std::string get() { return "c"; }
};
template <class Op, class... A>
struct tree_name<Tree<Op, A...>> {
  static std::string get() {
    std::string text;
    ((text += (text.empty() ? "" : ", ") + tree_name<A>::get()), ...);
    return std::string(Op::name) + "(" + text + ")";
  }
};

/// Lanes with a bad value, one bit each.
template <class T>
unsigned bad_lanes(const Batch<T>& x, index_t n) {
  alignas(64) T lanes[Batch<T>::size];
  x.store_aligned(lanes);
  unsigned bad = 0;
  for (index_t i = 0; i < n; ++i) bad |= static_cast<unsigned>(AnomalyMode::bad(lanes[i])) << i;
  return bad;
}

/// The first op in `tree` with a bad value in a lane below `n` though its arguments have none there.
template <class T, class X>
const char* bad_op(const X&, const Values<Batch<T>, X>&, index_t) {
  return nullptr;
}
template <class T, class Op, class... A>
const char* bad_op(const Tree<Op, A...>& tree, const Values<Batch<T>, Tree<Op, A...>>& values, index_t n) {
  const char* found = nullptr;
  unsigned given = 0;
  [&]<std::size_t... K>(std::index_sequence<K...>) {
    ((found = found ? found : bad_op<T>(std::get<K>(tree.arguments), std::get<K>(values.below), n)), ...);
    ((given |= bad_lanes<T>(std::get<K>(values.below).v, n)), ...);
  }
  (std::index_sequence_for<A...>{});
  return found ? found : (bad_lanes<T>(values.v, n) & ~given) != 0 ? Op::name : nullptr;
}

/// What the kernel knows of one input: where it lies, and in backward where its gradient goes.
template <class T>
struct Source {
  const T* data;
  Lane lane;
};
template <class T>
struct Sink {
  T* data = nullptr;  ///< null where no gradient is wanted
  Lane lane;
  bool add = false;
};

/// Calls f(rows' base offsets, slab number) for each combination of the outer axes.
template <class F>
void for_slabs(const Loop& loop, F&& f) {
  index_t index[Shape::max_rank] = {};
  index_t slab = 0;
  for (;;) {
    f(static_cast<const index_t*>(index), slab++);
    int axis = loop.outer_rank - 1;
    for (; axis >= 0; --axis) {
      if (++index[axis] < loop.outer[axis]) break;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

inline index_t outer_offset(const Loop& loop, const Lane& lane, const index_t* index) {
  index_t offset = 0;
  for (int k = 0; k < loop.outer_rank; ++k) offset += index[k] * lane.outer[k];
  return offset;
}

/// A row's start, or a splat of the element that the row repeats.
template <class T>
UNROLL_INLINE const T* row_start(const Source<T>& in, const T* base, index_t r, T* splat) {
  const T* p = base + r * in.lane.row;
  if (in.lane.mask) return p;
  for (std::size_t i = 0; i < Batch<T>::size; ++i) splat[i] = *p;
  return splat;
}

template <class T, int L, class... Trees>
void fused_forward(const std::tuple<Trees...>& trees, const Source<T>* in, const Loop& loop, T* const* out) {
  if (loop.cols == 0) return;  // not even the element that a row repeats need exist
  using N = Batch<T>;
  constexpr index_t width = N::size;
  alignas(64) T splat[L + 1][N::size];
  const T* row[L + 1];
  for_slabs(loop, [&](const index_t* index, index_t slab) {
    for (index_t r = 0; r < loop.rows; ++r) {
      for (int k = 0; k < L; ++k)
        row[k] = row_start(in[k], in[k].data + outer_offset(loop, in[k].lane, index), r, splat[k]);
      const index_t to = (slab * loop.rows + r) * loop.cols;
      N x[L + 1];
      index_t j = 0;
      for (; j + width <= loop.cols; j += width) {
        for (int k = 0; k < L; ++k) x[k] = N::load_unaligned(row[k] + (j & in[k].lane.mask));
        [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
          (eval<0>(std::get<M>(trees), x).v.store_unaligned(out[M] + to + j), ...);
        }
        (std::index_sequence_for<Trees...>{});
      }
      if (const index_t n = loop.cols - j; n > 0) {
        for (int k = 0; k < L; ++k) x[k] = load_part(row[k] + (j & in[k].lane.mask), n);
        [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
          (store_part(out[M] + to + j, eval<0>(std::get<M>(trees), x).v, n), ...);
        }
        (std::index_sequence_for<Trees...>{});
      }
    }
  });
}

// One block of the backward walk: the adjoints of all inputs from those of the outputs.
template <class T, int L, class... Trees>
UNROLL_INLINE void fused_adjoints(const std::tuple<Trees...>& trees, const Batch<T>* x, const Batch<T>* dy,
                                  Batch<T>* adjoints) {
  for (int k = 0; k < L; ++k) adjoints[k] = Batch<T>(T{0});
  [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
    (push<0>(std::get<M>(trees), eval<0>(std::get<M>(trees), x), dy[M], dy[M], adjoints), ...);
  }
  (std::index_sequence_for<Trees...>{});
}

template <class T, int L, class... Trees>
void fused_backward(const std::tuple<Trees...>& trees, const Source<T>* in, const Loop& loop,
                    const T* const* out_grad, const Sink<T>* sinks) {
  if (loop.cols == 0) return;
  using N = Batch<T>;
  constexpr index_t width = N::size;
  constexpr int outputs = sizeof...(Trees);
  // Sums over a repeated element are flushed often: one long float sum would drift.
  constexpr index_t stretch = 4096;
  alignas(64) T splat[L + 1][N::size];
  alignas(64) T sums[L + 1][N::size];
  double totals[L + 1];
  const T* row[L + 1];
  T* sink[L + 1];
  for_slabs(loop, [&](const index_t* index, index_t slab) {
    for (index_t r = 0; r < loop.rows; ++r) {
      for (int k = 0; k < L; ++k) {
        row[k] = row_start(in[k], in[k].data + outer_offset(loop, in[k].lane, index), r, splat[k]);
        if (!sinks[k].data) continue;
        sink[k] = sinks[k].data + outer_offset(loop, sinks[k].lane, index) + r * sinks[k].lane.row;
        totals[k] = 0;
      }
      const index_t from = (slab * loop.rows + r) * loop.cols;
      for (index_t begin = 0; begin < loop.cols; begin += stretch) {
        const index_t end = begin + stretch < loop.cols ? begin + stretch : loop.cols;
        for (int k = 0; k < L; ++k)
          if (!sinks[k].lane.mask) std::fill_n(sums[k], N::size, T{0});
        N x[L + 1], dy[outputs], adjoints[L + 1];
        index_t j = begin;
        for (; j + width <= end; j += width) {
          for (int k = 0; k < L; ++k) x[k] = N::load_unaligned(row[k] + (j & in[k].lane.mask));
          for (int m = 0; m < outputs; ++m)
            dy[m] = out_grad[m] ? N::load_unaligned(out_grad[m] + from + j) : N(T{0});
          fused_adjoints<T, L>(trees, x, dy, adjoints);
          for (int k = 0; k < L; ++k) {
            if (!sinks[k].data) continue;
            T* p = sinks[k].lane.mask ? sink[k] + j : sums[k];
            if (sinks[k].add || !sinks[k].lane.mask) adjoints[k] += N::load_unaligned(p);
            adjoints[k].store_unaligned(p);
          }
        }
        if (const index_t n = end - j; n > 0) {
          for (int k = 0; k < L; ++k) x[k] = load_part(row[k] + (j & in[k].lane.mask), n);
          for (int m = 0; m < outputs; ++m)
            dy[m] = out_grad[m] ? load_part(out_grad[m] + from + j, n) : N(T{0});
          fused_adjoints<T, L>(trees, x, dy, adjoints);
          for (int k = 0; k < L; ++k) {
            if (!sinks[k].data) continue;
            T* p = sinks[k].lane.mask ? sink[k] + j : sums[k];
            if (sinks[k].add || !sinks[k].lane.mask) adjoints[k] += load_part(p, n);
            store_part(p, adjoints[k], n);
          }
        }
        for (int k = 0; k < L; ++k)
          if (sinks[k].data && !sinks[k].lane.mask) totals[k] += num::sum(N::load_aligned(sums[k]));
      }
      for (int k = 0; k < L; ++k) {
        if (!sinks[k].data || sinks[k].lane.mask || loop.cols == 0) continue;
        // Without `add` it is not a sum: columns of one element.
        *sink[k] = static_cast<T>(sinks[k].add ? static_cast<double>(*sink[k]) + totals[k] : totals[k]);
      }
    }
  });
}

template <class T, int L>
struct FusedWalk {
  Source<T> sources[L + 1];
  Loop loop;
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
    return;
  }
  Layout layouts[L + 1];
  Lane lanes[L + 1];
  for (int k = 0; k < L; ++k) layouts[k] = {&inputs[k]->shape, inputs[k]->run, inputs[k]->pitch};
  walk.loop = plan_loop(shape, {layouts, static_cast<std::size_t>(L)}, lanes);
  for (int k = 0; k < L; ++k) walk.sources[k].lane = lanes[k];
}

/// A fused expression on the tape: its L inputs, its outputs, and the tree with its constants.
template <class T, int L, class... Trees>
class FusedNode final : public FixedNode<T, L, sizeof...(Trees)> {
 public:
  FusedNode(std::tuple<Trees...> trees, const Shape& shape) : trees_(std::move(trees)), shape_(shape) {}

  void backward() override {
    constexpr int outputs = sizeof...(Trees);
    const T* out_grad[outputs];
    for (int m = 0; m < outputs; ++m) out_grad[m] = this->output_grad(m);
    Tensor<T>* inputs[L + 1];
    Sink<T> sinks[L + 1];
    Layout layouts[2 * L + 1];
    GradSlot<T> slots[L + 1];
    bool all_plain = true;
    for (int k = 0; k < L; ++k) {
      Tensor<T>& in = this->input(k);
      inputs[k] = &in;
      layouts[k] = layouts[L + k] = {&in.shape, in.run, in.pitch};
      all_plain = all_plain && plain(in, shape_);
      if (!this->wants(k)) continue;
      const bool whole = in.shape == shape_;
      const GradSlot<T>& slot = slots[k] = whole ? open_grad(in) : open_grad_to_add(in);
      sinks[k].data = slot.data;
      sinks[k].add = slot.add;
      layouts[L + k] = {&in.shape, slot.run, slot.pitch};
      all_plain = all_plain && slot.run == in.shape.size();
    }
    // What one input's sink stores late, another's may already have added to.
    for (int k = 0; k < L; ++k) {
      for (int m = 0; m < L && sinks[k].data && !sinks[k].add; ++m) {
        if (!sinks[m].data || !grads_overlap(*inputs[k], *inputs[m])) continue;
        fill_runs(slots[k], inputs[k]->shape.size(), T{0});
        sinks[k].add = true;
      }
      sinks[k].add = sinks[k].add && !mutate_store(first_op(std::get<0>(trees_)), k);
    }
    FusedWalk<T, L> walk;
    for (int k = 0; k < L; ++k) walk.sources[k].data = inputs[k]->data;
    if (all_plain) {
      walk.loop.cols = shape_.size();
    } else {
      Lane lanes[2 * L + 1];
      walk.loop = plan_loop(shape_, {layouts, static_cast<std::size_t>(2 * L)}, lanes);
      for (int k = 0; k < L; ++k) walk.sources[k].lane = lanes[k], sinks[k].lane = lanes[L + k];
    }
    fused_backward<T, L>(trees_, walk.sources, walk.loop, out_grad, sinks);
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

  /// Runs the walk again in search of the first op that made a bad value; "" where none did.
  [[gnu::cold]] static std::string find_bad(const std::tuple<Trees...>& trees, const FusedWalk<T, L>& walk) {
    if (walk.loop.cols == 0) return "";
    using N = Batch<T>;
    const char* found = nullptr;
    alignas(64) T splat[L + 1][N::size];
    for_slabs(walk.loop, [&](const index_t* index, index_t) {
      for (index_t r = 0; r < walk.loop.rows && !found; ++r) {
        for (index_t j = 0; j < walk.loop.cols && !found; j += N::size) {
          const index_t n = std::min<index_t>(N::size, walk.loop.cols - j);
          N x[L + 1];
          for (int k = 0; k < L; ++k) {
            const Source<T>& in = walk.sources[k];
            const T* p = row_start(in, in.data + outer_offset(walk.loop, in.lane, index), r, splat[k]);
            x[k] = load_part_of_block(p + (j & in.lane.mask), n);
          }
          [&]<std::size_t... M>(std::index_sequence<M...>) {
            ((found = found ? found : bad_op<T>(std::get<M>(trees), eval<0>(std::get<M>(trees), x), n)), ...);
          }
          (std::index_sequence_for<Trees...>{});
        }
      }
    });
    return found ? fmt::format("{} in {}", found, name_of()) : "";
  }

 private:
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
  Shape shape_;
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
  fused_forward<T, n>(trees, walk.sources, walk.loop, data);
  using N = FusedNode<T, n, Trees...>;
  if (AnomalyMode::active()) {
    const std::string bad = N::find_bad(trees, walk);
    if (!bad.empty()) fail_anomaly(bad, shape);
  }
  if (recorded) record<T>(Ref<Node<T>>(new N(trees, shape)), inputs, out);
  std::array<Variable<T>, outputs> result;
  for (std::size_t m = 0; m < outputs; ++m) result[m] = Variable<T>(std::move(out[m]));
  return result;
}

}  // namespace UNROLL_ISA
}  // namespace unroll::detail
