#pragma once
/// \file Trees of scalar ops: their values, and the adjoints of their inputs in a second walk.

#include <algorithm>
#include <tuple>
#include <utility>

#include "autograd/inspect.hpp"
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

/// Shows what every op of `tree` made in the first n lanes, arguments first. Counts the ops in `number`, and
/// adds the inputs that go into the tree to `inputs`.
template <int I, class T>
void inspect(const Slot&, const Values<Batch<T>, Slot>&, index_t, OpVisitor&, int&, std::uint64_t& inputs) {
  inputs |= std::uint64_t{1} << (I & 63);
}
template <int I, class T, int K>
void inspect(const Arg<K>&, const Values<Batch<T>, Arg<K>>&, index_t, OpVisitor&, int&,
             std::uint64_t& inputs) {
  inputs |= std::uint64_t{1} << (K & 63);
}
template <int I, class T>
void inspect(const Const<T>&, const Values<Batch<T>, Const<T>>&, index_t, OpVisitor&, int&, std::uint64_t&) {}
template <int I, class T, class Op, class... A>
void inspect(const Tree<Op, A...>& tree, const Values<Batch<T>, Tree<Op, A...>>& values, index_t n,
             OpVisitor& visitor, int& number, std::uint64_t& inputs) {
  unsigned given = 0;
  std::uint64_t mine = 0;
  [&]<std::size_t... K>(std::index_sequence<K...>) {
    (inspect<I + slots_before<A...>(K), T>(std::get<K>(tree.arguments), std::get<K>(values.below), n, visitor,
                                           number, mine),
     ...);
    ((given |= bad_lanes<T>(std::get<K>(values.below).v, n)), ...);
  }
  (std::index_sequence_for<A...>{});
  double lanes[Batch<T>::size];
  alignas(64) T own[Batch<T>::size];
  values.v.store_aligned(own);
  std::copy_n(own, n, lanes);
  visitor.see({Op::name,
               number++,
               mine,
               {lanes, static_cast<std::size_t>(n)},
               (bad_lanes<T>(values.v, n) & ~given) != 0});
  if constexpr (!std::is_same_v<Op, sigmoid_op> && !std::is_same_v<Op, tanh_op>) inputs |= mine;
}

}  // namespace UNROLL_ISA
}  // namespace unroll::detail
