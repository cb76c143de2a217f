#include "unroll/detail/autograd/fused/scalar_ops.hpp"

namespace unroll::detail {

const OpFacts& facts_of(ScalarOp op) {
  static constexpr OpFacts table[] = {
#define UNROLL_ENTRY(name) {#name, name##_op::arity},
      UNROLL_SCALAR_OPS(UNROLL_ENTRY)
#undef UNROLL_ENTRY
  };
  return table[static_cast<std::size_t>(op)];
}

#define UNROLL_ENTRY(name) static_assert(name##_op::arity <= max_op_arity);
UNROLL_SCALAR_OPS(UNROLL_ENTRY)
#undef UNROLL_ENTRY

}  // namespace unroll::detail
