#pragma once
/// \file The table behind apply_compiled, instantiated for float and double in a file each: together they are
/// the longest compilation of the library.

#include "autograd/functions.hpp"

namespace unroll::detail {

template <class Op, class T>
Variable<T> apply_one(std::initializer_list<Variable<T>> arguments) {
  const Variable<T>* a = arguments.begin();
  if constexpr (Op::arity == 1) {
    return make_expr<Op>(a[0]).evaluate();
  } else if constexpr (Op::arity == 2) {
    return make_expr<Op>(a[0], a[1]).evaluate();
  } else {
    return make_expr<Op>(a[0], a[1], a[2]).evaluate();
  }
}

template <class T>
Variable<T> apply_compiled(ScalarOp op, std::initializer_list<Variable<T>> arguments) {
  using Function = Variable<T> (*)(std::initializer_list<Variable<T>>);
  static constexpr Function table[] = {
#define UNROLL_ENTRY(name) &apply_one<name##_op, T>,
      UNROLL_SCALAR_OPS(UNROLL_ENTRY)
#undef UNROLL_ENTRY
  };
  return table[static_cast<std::size_t>(op)](arguments);
}

}  // namespace unroll::detail
