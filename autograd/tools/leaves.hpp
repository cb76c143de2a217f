#pragma once  // internal
/// \file Which leaves results were computed from.

#include <string>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll::detail {

/// A leaf and the op that reads it.
template <class T>
struct ReadLeaf {
  Variable<T> leaf;
  std::string op;
};

/// What: the leaves that require a gradient and that `outputs` were computed from, each once, with the first
///       op that was found to read it; a leaf among the outputs themselves with none. What backward has
///       released is not followed.
template <class T>
std::vector<ReadLeaf<T>> leaves_of(const std::vector<Variable<T>>& outputs);

/// What: the op that computed x; nothing for a leaf.
template <class T>
std::string op_of(const Variable<T>& x);

}  // namespace unroll::detail
