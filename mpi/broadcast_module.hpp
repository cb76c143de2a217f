#pragma once
/// \file Giving all ranks the weights of one.

#include <vector>

#include "unroll/layers/module.hpp"
#include "unroll/mpi/communicator.hpp"

namespace unroll::detail {

/// Broadcasts arrays in place.
template <class T>
void broadcast_arrays(mpi::Communicator& ranks, std::vector<NamedParameter<T>> arrays, int root);

}  // namespace unroll::detail

namespace unroll::mpi {

/// What:   parameters and buffers of `module` become those of rank `root`, on every rank. Names and shapes are compared
///         before anything is changed.
/// Errors: UsageError on all ranks where another rank has other names or shapes, and inside a backward pass; PeerError.
template <Module M>
void broadcast_module(Communicator& ranks, const M& module, int root = 0) {
  auto all = parameters(module);
  const auto more = buffers(module);
  all.insert(all.end(), more.begin(), more.end());
  unroll::detail::broadcast_arrays(ranks, std::move(all), root);
}

}  // namespace unroll::mpi
