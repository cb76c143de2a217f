#pragma once  // internal
/// \file What the array ops share: how a result is recorded, and arithmetic for recorded backward passes.

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/fused/compiled.hpp"

namespace unroll::detail {

/// What:   the result of an op, `out`; where it is to be recorded, that of a new node NodeType(arguments…) over
///         `inputs`.
template <class NodeType, class T, class... Args>
Variable<T> finish_op(bool recorded, NodeInputs<NodeType> inputs, TensorRef<T> out, Args&&... arguments) {
  const Variable<T> result(std::move(out));
  if (recorded) {
    const auto node = record_op<NodeType>(inputs, {&result, 1}, std::forward<Args>(arguments)...);
    if (AnomalyMode::active()) check_anomaly<T>(*node, *result.tensor());
  }
  return result;
}

/// Scalar ops as nodes of their own.
namespace recorded {

template <class T>
Variable<T> add(const Variable<T>& a, const Variable<T>& b) {
  return apply_compiled(ScalarOp::add, {a, b});
}
template <class T>
Variable<T> sub(const Variable<T>& a, const Variable<T>& b) {
  return apply_compiled(ScalarOp::sub, {a, b});
}
template <class T>
Variable<T> mul(const Variable<T>& a, const Variable<T>& b) {
  return apply_compiled(ScalarOp::mul, {a, b});
}
template <class T>
Variable<T> div(const Variable<T>& a, const Variable<T>& b) {
  return apply_compiled(ScalarOp::div, {a, b});
}
template <class T>
Variable<T> exp(const Variable<T>& x) {
  return apply_compiled(ScalarOp::exp, {x});
}
template <class T>
Variable<T> neg(const Variable<T>& x) {
  return apply_compiled(ScalarOp::neg, {x});
}
template <class T>
Variable<T> equal(const Variable<T>& a, const Variable<T>& b) {
  return apply_compiled(ScalarOp::equal, {a, b});
}
template <class T>
Variable<T> where(const Variable<T>& condition, const Variable<T>& a, const Variable<T>& b) {
  return apply_compiled(ScalarOp::where, {condition, a, b});
}

}  // namespace recorded
}  // namespace unroll::detail
