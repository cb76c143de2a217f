#pragma once  // internal
/// \file Every scalar op as an expression of its own, instantiated for float and double in a file each:
/// together they are the longest compilation of the library.

#include "unroll/detail/autograd/fused/kernel.hpp"

namespace unroll::detail {

template <std::size_t>
using SlotAt = Slot;

template <class T, class Op, std::size_t... K>
constexpr const FusedCode<T>* code_of_one(std::index_sequence<K...>) {
  return &code_for<T, Op::arity, Tree<Op, SlotAt<K>...>>;
}

template <class T>
const FusedCode<T>& code_of(ScalarOp op) {
  static constexpr const FusedCode<T>* table[] = {
#define UNROLL_ENTRY(name) code_of_one<T, name##_op>(std::make_index_sequence<name##_op::arity>{}),
      UNROLL_SCALAR_OPS(UNROLL_ENTRY)
#undef UNROLL_ENTRY
  };
  return *table[static_cast<std::size_t>(op)];
}

}  // namespace unroll::detail
