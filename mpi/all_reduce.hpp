#pragma once
/// \file Sums and collections over all ranks, with gradients.

#include <span>

#include "unroll/autograd/variable.hpp"
#include "unroll/mpi/communicator.hpp"

namespace unroll::mpi {

/// What:   values = Σ of all ranks' values, on every rank, the same bits everywhere. They are added along a binary tree:
///         0 + 1, 2 + 3, …, then (0 + 1) + (2 + 3), …
/// Errors: UsageError if another rank gives another number of them; PeerError.
/// Cost:   log2(ranks) messages one after another to add, and as many to tell the sum.
template <class T>
void sum_over_ranks(Communicator& ranks, std::span<T> values);

/// What:   y = Σ over ranks x, for statistics of the whole batch. The gradient is that of the sum of all ranks' losses:
///         dx = Σ over ranks dy. A loss that every rank computes alike thus counts as often as there are ranks.
///         Every rank calls it, and each one's backward pass reaches it, in the same order as other ops of this kind.
/// Shapes: the same on all ranks.
/// Errors: ShapeError on all ranks, naming one that differs; UsageError; PeerError.
/// Lifetime: `ranks` outlives the backward pass.
template <class T>
Variable<T> all_reduce(Communicator& ranks, const Variable<T>& x);

/// The same for expressions.
template <detail::Lazy E>
auto all_reduce(Communicator& ranks, E&& x) {
  return all_reduce(ranks, Variable(std::forward<E>(x)));
}

/// What:   the ranks' arrays one after another along the first axis, on every rank; gradients as of all_reduce.
/// Shapes: (n, …) with an n for each rank, which may be 0; the other extents are the same on all ranks.
/// Errors: as all_reduce.
/// Cost:   backward sums the whole gradient over the ranks, of which each keeps its part.
/// Lifetime: `ranks` outlives the backward pass.
template <class T>
Variable<T> all_gather(Communicator& ranks, const Variable<T>& x);

/// The same for expressions.
template <detail::Lazy E>
auto all_gather(Communicator& ranks, E&& x) {
  return all_gather(ranks, Variable(std::forward<E>(x)));
}

}  // namespace unroll::mpi
