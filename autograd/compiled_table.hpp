#pragma once
/// \file The table behind apply_compiled, instantiated for float and double in a file each: together they are
/// the longest compilation of the library.

#include "autograd/functions.hpp"

namespace unroll::detail {

template <std::size_t>
using SlotAt = Slot;

template <class Op, class T>
Variable<T> run_one(Tensor<T>* const* inputs, const Shape& shape) {
  return [&]<std::size_t... K>(std::index_sequence<K...>) {
    const std::array<Tensor<T>*, Op::arity> all{inputs[K]...};
    return run_fused<T>(std::tuple{Tree<Op, SlotAt<K>...>{}}, all, shape)[0];
  }
  (std::make_index_sequence<Op::arity>{});
}

template <class T>
Variable<T> run_compiled(ScalarOp op, Tensor<T>* const* inputs, const Shape& shape) {
  using Function = Variable<T> (*)(Tensor<T>* const*, const Shape&);
  static constexpr Function table[] = {
#define UNROLL_ENTRY(name) &run_one<name##_op, T>,
      UNROLL_SCALAR_OPS(UNROLL_ENTRY)
#undef UNROLL_ENTRY
  };
  return table[static_cast<std::size_t>(op)](inputs, shape);
}

template <class Op, class T>
Variable<T> apply_one(std::initializer_list<Variable<T>> arguments) {
  const Variable<T>* a = arguments.begin();
  return [&]<std::size_t... K>(std::index_sequence<K...>) { return make_expr<Op>(a[K]...).evaluate(); }
  (std::make_index_sequence<Op::arity>{});
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
