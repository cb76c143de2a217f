#pragma once
/// \file Trees of scalar ops: their values, and the adjoints of their inputs in a second walk.

#include <array>
#include <tuple>
#include <utility>

#include "autograd/fused_code.hpp"
#include "autograd/mutants.hpp"
#include "autograd/scalar_ops.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {

/// Leaves of a tree: the next input in order of appearance, input K, the next number.
struct Slot {};
template <int K>
struct Arg {};
struct Literal {};
template <class Op, class... A>
struct Tree {};

/// How many steps a tree has, and how many slots and numbers are among them.
struct TreeSize {
  int steps = 1, slots = 0, numbers = 0;
};
template <class X>
inline constexpr TreeSize tree_size{};
template <>
inline constexpr TreeSize tree_size<Slot>{1, 1, 0};
template <>
inline constexpr TreeSize tree_size<Literal>{1, 0, 1};
template <class Op, class... A>
inline constexpr TreeSize tree_size<Tree<Op, A...>>{
    (1 + ... + tree_size<A>.steps), (0 + ... + tree_size<A>.slots), (0 + ... + tree_size<A>.numbers)};
/// The slots and numbers in the first k of several trees.
template <class... A>
constexpr TreeSize size_before(std::size_t k) {
  const TreeSize sizes[] = {tree_size<A>..., {}};
  TreeSize sum{0, 0, 0};
  for (std::size_t i = 0; i < k; ++i) sum.slots += sizes[i].slots, sum.numbers += sizes[i].numbers;
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

/// Ops that do not use all of their arguments everywhere.
template <class Op>
inline constexpr bool selects =
    std::is_same_v<Op, where_op> || std::is_same_v<Op, minimum_op> || std::is_same_v<Op, maximum_op> ||
    std::is_same_v<Op, clamp_op> || std::is_same_v<Op, relu_op>;

/// The two walks over a tree behind I slots and C numbers of others.
///
/// eval computes the value of every node. push takes the adjoint d of the tree's value down to the inputs.
/// `taken` is the adjoint of the whole, or of the argument of the nearest op above that selects: where it is
/// 0 the value was not used, and whatever 0 · ∞ made on the way down must not arrive. fused_graph.cpp does
/// the same with recorded ops.
template <class X, int I = 0, int C = 0>
struct Walk;

template <int I, int C>
struct Walk<Slot, I, C> {
  template <class N>
  static UNROLL_INLINE Values<N, Slot> eval(const N* in, const N*) {
    return {in[I]};
  }
  template <class N>
  static UNROLL_INLINE void push(const Values<N, Slot>&, const N& d, const N& taken, N* adjoints) {
    adjoints[I] = num::absorb(taken, d);
  }
};
template <int K, int I, int C>
struct Walk<Arg<K>, I, C> {
  template <class N>
  static UNROLL_INLINE Values<N, Arg<K>> eval(const N* in, const N*) {
    return {in[K]};
  }
  template <class N>
  static UNROLL_INLINE void push(const Values<N, Arg<K>>&, const N& d, const N& taken, N* adjoints) {
    adjoints[K] += num::absorb(taken, d);
  }
};
template <int I, int C>
struct Walk<Literal, I, C> {
  template <class N>
  static UNROLL_INLINE Values<N, Literal> eval(const N*, const N* numbers) {
    return {numbers[C]};
  }
  template <class N>
  static UNROLL_INLINE void push(const Values<N, Literal>&, const N&, const N&, N*) {}
};
template <class Op, class... A, int I, int C>
struct Walk<Tree<Op, A...>, I, C> {
  template <std::size_t K>
  using Argument = Walk<std::tuple_element_t<K, std::tuple<A...>>, I + size_before<A...>(K).slots,
                        C + size_before<A...>(K).numbers>;

  template <class N>
  static UNROLL_INLINE Values<N, Tree<Op, A...>> eval(const N* in, const N* numbers) {
    return [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
      const std::tuple<Values<N, A>...> below{Argument<K>::eval(in, numbers)...};
      return Values<N, Tree<Op, A...>>{Op::value(std::get<K>(below).v...), below};
    }
    (std::index_sequence_for<A...>{});
  }
  template <class N>
  static UNROLL_INLINE void push(const Values<N, Tree<Op, A...>>& values, const N& d, const N& taken,
                                 N* adjoints) {
    [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
      std::array<N, sizeof...(A)> ds =
          Op::adjoint(selects<Op> ? num::absorb(taken, d) : d, values.v, std::get<K>(values.below).v...);
      mutate(Op::id, ds);
      (Argument<K>::push(std::get<K>(values.below), ds[K], selects<Op> ? ds[K] : taken, adjoints), ...);
    }
    (std::index_sequence_for<A...>{});
  }
};

/// Writes the steps of trees, postfix.
struct StepWriter {
  CodeStep* to;
  std::uint16_t slot = 0, number = 0;
  constexpr void write(Slot) { *to++ = {CodeStep::Kind::input, {}, slot++}; }
  template <int K>
  constexpr void write(Arg<K>) {
    *to++ = {CodeStep::Kind::input, {}, K};
  }
  constexpr void write(Literal) { *to++ = {CodeStep::Kind::number, {}, number++}; }
  template <class Op, class... A>
  constexpr void write(Tree<Op, A...>) {
    (write(A{}), ...);
    *to++ = {CodeStep::Kind::op, Op::id, 0};
  }
};

}  // namespace UNROLL_ISA
}  // namespace unroll::detail
