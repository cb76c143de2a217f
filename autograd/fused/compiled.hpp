#pragma once  // internal
/// \file Scalar ops by number: for code that does not want to instantiate expressions, above all the
/// recorded backward passes of higher derivatives.

#include <initializer_list>
#include <span>

#include "unroll/autograd/variable.hpp"

/// All scalar ops. To add one: its struct in scalar_ops.hpp, its name here, its row in the tests' table.
// clang-format off
#define UNROLL_SCALAR_OPS(X)                                                              \
  X(add) X(sub) X(mul) X(div) X(neg) X(pow) X(exp) X(log) X(sqrt) X(square) X(abs)        \
  X(tanh) X(sigmoid) X(relu) X(leaky_relu) X(elu) X(softplus) X(sin) X(cos)               \
  X(minimum) X(maximum) X(clamp) X(where) X(lerp) X(greater) X(greater_equal) X(equal)
// clang-format on

namespace unroll::detail {

enum class ScalarOp : std::uint8_t {
#define UNROLL_ENUMERATE(name) name,
  UNROLL_SCALAR_OPS(UNROLL_ENUMERATE)
#undef UNROLL_ENUMERATE
};

/// One scalar op on Variables as a node of its own, with broadcasting.
template <class T>
Variable<T> apply_compiled(ScalarOp op, std::span<const Variable<T>> arguments);
template <class T>
Variable<T> apply_compiled(ScalarOp op, std::initializer_list<Variable<T>> arguments) {
  return apply_compiled(op, std::span<const Variable<T>>(arguments.begin(), arguments.size()));
}

/// The same where the inputs have been checked and `shape` is what they broadcast to: how an expression of
/// one op is computed, so that a user's file need not compile it.
template <class T>
Variable<T> run_compiled(ScalarOp op, Tensor<T>* const* inputs, const Shape& shape);

/// `g` with 0 where it is infinite or undefined though `d`, which it was multiplied from, is 0. Elsewhere
/// g stays what it is, slopes included.
template <class T>
Variable<T> absorb(const Variable<T>& d, const Variable<T>& g);

/// Sums x over its broadcast axes, or repeats it, so that it gets `shape`. Sums are array ops: ops/reduce.cpp
/// has it.
template <class T>
Variable<T> fit_to(const Variable<T>& x, const Shape& shape);

}  // namespace unroll::detail
