#pragma once  // internal
/// \file Trees of scalar ops: their values, and the adjoints of their inputs in a second walk.

#include <array>
#include <utility>

#include "unroll/detail/autograd/base/mutants.hpp"
#include "unroll/detail/autograd/fused/code.hpp"
#include "unroll/detail/autograd/fused/scalar_ops.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {

/// Leaves of a tree: the next input in order of appearance, input K, the next number.
struct Slot {};
template <int K>
struct Arg {};
struct Literal {};
template <class Op, class... A>
struct Tree {};

/// How many steps a tree has, and how many leaves and numbers are among them.
struct TreeSize {
  int steps = 1, leaves = 0, numbers = 0;
};
template <class X>
inline constexpr TreeSize tree_size{};
template <>
inline constexpr TreeSize tree_size<Slot>{1, 1, 0};
template <>
inline constexpr TreeSize tree_size<Literal>{1, 0, 1};
template <class Op, class... A>
inline constexpr TreeSize tree_size<Tree<Op, A...>>{
    (1 + ... + tree_size<A>.steps), (0 + ... + tree_size<A>.leaves), (0 + ... + tree_size<A>.numbers)};
/// The steps, leaves and numbers of the first k of several trees.
template <class... A>
constexpr TreeSize size_before(std::size_t k) {
  const TreeSize sizes[] = {tree_size<A>..., {}};
  TreeSize sum{0, 0, 0};
  for (std::size_t i = 0; i < k; ++i) {
    sum.steps += sizes[i].steps;
    sum.leaves += sizes[i].leaves;
    sum.numbers += sizes[i].numbers;
  }
  return sum;
}

/// Ops that do not use all of their arguments everywhere.
template <class Op>
inline constexpr bool selects =
    std::is_same_v<Op, where_op> || std::is_same_v<Op, minimum_op> || std::is_same_v<Op, maximum_op> ||
    std::is_same_v<Op, clamp_op> || std::is_same_v<Op, relu_op>;

/// The two walks over a tree behind S steps, L leaves and C numbers of others.
///
/// eval computes the value v[s] of every step s, postfix. push takes the adjoint d of the tree's value down
/// to the inputs. `taken` is the adjoint of the whole, or of the argument of the nearest op above that
/// selects: where it is 0 the value was not used, and whatever 0 · ∞ made on the way down must not arrive.
/// fused_graph.cpp does the same with recorded ops.
template <class X, int S = 0, int L = 0, int C = 0>
struct Walk;

template <int K, int S, int L, int C>
struct Walk<Arg<K>, S, L, C> {
  static constexpr int root = S;
  template <class Num>
  static UNROLL_INLINE void eval(const Num* in, const Num*, Num* v) {
    v[S] = in[K];
  }
  template <class Num>
  static UNROLL_INLINE void push(const Num*, const Num& d, const Num& taken, Num* adjoints) {
    adjoints[K] += num::absorb(taken, d);
  }
};
template <int S, int L, int C>
struct Walk<Slot, S, L, C> : Walk<Arg<L>, S, L, C> {  // but that nothing else adds to its adjoint
  template <class Num>
  static UNROLL_INLINE void push(const Num*, const Num& d, const Num& taken, Num* adjoints) {
    adjoints[L] = num::absorb(taken, d);
  }
};
template <int S, int L, int C>
struct Walk<Literal, S, L, C> {
  static constexpr int root = S;
  template <class Num>
  static UNROLL_INLINE void eval(const Num*, const Num* numbers, Num* v) {
    v[S] = numbers[C];
  }
  template <class Num>
  static UNROLL_INLINE void push(const Num*, const Num&, const Num&, Num*) {}
};
template <class Op, class... A, int S, int L, int C>
struct Walk<Tree<Op, A...>, S, L, C> {
  static constexpr int root = S + tree_size<Tree<Op, A...>>.steps - 1;
  template <class X, std::size_t K>
  using Argument = Walk<X, S + size_before<A...>(K).steps, L + size_before<A...>(K).leaves,
                        C + size_before<A...>(K).numbers>;

  template <class Num>
  static UNROLL_INLINE void eval(const Num* in, const Num* numbers, Num* v) {
    [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
      (Argument<A, K>::eval(in, numbers, v), ...);
      v[root] = Op::value(v[Argument<A, K>::root]...);
    }
    (std::index_sequence_for<A...>{});
  }
  template <class Num>
  static UNROLL_INLINE void push(const Num* v, const Num& d, const Num& taken, Num* adjoints) {
    [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
      std::array<Num, sizeof...(A)> ds =
          Op::adjoint(selects<Op> ? num::absorb(taken, d) : d, v[root], v[Argument<A, K>::root]...);
      mutate(Op::id, ds);
      (Argument<A, K>::push(v, ds[K], selects<Op> ? ds[K] : taken, adjoints), ...);
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
