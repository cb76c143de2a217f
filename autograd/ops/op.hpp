#pragma once  // internal
/// \file What the array ops share: how a result is recorded, and arithmetic for recorded backward passes.

#include "unroll/detail/autograd/fused/compiled.hpp"

namespace unroll::detail {

/// The result of an op: `out`, tied to a new node NodeType(args…) over `inputs` where it is to be recorded.
template <class NodeType, class T, class... Args>
Variable<T> finish_op(bool recorded, std::span<Tensor<T>* const> inputs, const TensorRef<T>& out,
                      Args&&... args) {
  if (recorded) {
    auto* node = new NodeType(std::forward<Args>(args)...);
    const TensorRef<T> outputs[] = {out};
    record<T>(Ref<Node<T>>(node), inputs, outputs);
    if constexpr (requires { node->start(); }) node->start();
    if (AnomalyMode::active()) check_anomaly<T>(*node, *out);
  }
  return Variable<T>(out);
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
