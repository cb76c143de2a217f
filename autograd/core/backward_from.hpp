#pragma once  // internal
/// \file Backward from several results at once.

#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

/// What:   adds d(Σ seeds[k] ⊙ results[k]) / d(leaf) to the gradient of every leaf, in one pass.
/// Shapes: each seed has that of its result, which requires a gradient.
/// Errors: as Variable::backward.
template <class T>
void backward_from(const std::vector<Variable<T>>& results, const std::vector<Variable<T>>& seeds,
                   bool retain) {
  std::vector<TensorRef<T>> roots;
  for (const Variable<T>& r : results) roots.push_back(r.ref());
  Tape<T>::local().backward(roots, seeds, {.retain = retain, .create_graph = false, .wanted = {}});
}

}  // namespace unroll::detail
