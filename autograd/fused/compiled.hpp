#pragma once  // internal
/// \file Scalar ops by number, on Variables: for code that does not want to instantiate expressions, above all the
/// recorded backward passes of higher derivatives.

#include <initializer_list>
#include <span>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/fused/scalar_op_list.hpp"

namespace unroll::detail {

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
