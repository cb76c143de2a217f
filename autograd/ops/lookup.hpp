#pragma once  // internal
/// \file Arrays that are rows of a table, such as embedded tokens: what is computed from them may be computed
/// from the table instead.

#include <optional>

#include "unroll/autograd/indices.hpp"

namespace unroll::detail {

template <class T>
struct Lookup {
  Variable<T> table;
  Indices rows;
};

/// What:   the table that x was looked up in, and the numbers of the rows; nothing where x is computed in another
///         way, or its own gradient is asked for.
template <class T>
std::optional<Lookup<T>> lookup_of(const Variable<T>& x) {
  const Node<T>* creator = x.tensor()->creator.get();
  if (!creator || creator->released() || x.tensor()->observed()) return {};
  const Indices* rows = creator->lookup();
  if (!rows) return {};
  return Lookup<T>{Variable<T>(TensorRef<T>(&creator->input(0))), *rows};
}

}  // namespace unroll::detail
