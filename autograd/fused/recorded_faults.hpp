#pragma once  // internal
/// \file Deliberate faults in the gradients that array ops record for higher derivatives (UNROLL_MUTANTS builds); see
/// mutants.hpp.

#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/base/mutants.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/fused/compiled.hpp"

namespace unroll::detail {

#if UNROLL_MUTANTS

template <class T>
Variable<T> with_recorded_fault(const Variable<T>& g) {
  const auto times = [&](T c) { return apply_compiled<T>(ScalarOp::mul, {g, Variable<T>(c)}); };
  switch (mutation.fault) {
    case Fault::sign:
      return times(-1);
    case Fault::permille:
      return times(static_cast<T>(1.001));
    case Fault::dropped:
      return times(0);
    case Fault::detached:
      return g.detach();
    default:
      return g;
  }
}

/// Makes wrong what `node` gave for one of its inputs.
template <class T>
void falsify_recorded(const Node<T>& node, std::vector<Variable<T>>& dx) {
  const std::size_t k = mutation.argument;
  if (mutation.recorded && mutation.op == node.name() && k < dx.size() && dx[k])
    dx[k] = with_recorded_fault(dx[k]);
}

#else

template <class T>
void falsify_recorded(const Node<T>&, std::vector<Variable<T>>&) {}

#endif

}  // namespace unroll::detail
