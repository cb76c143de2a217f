#include "unroll/detail/autograd/fused/code.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <fmt/format.h>

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

template <class T>
std::string FusedCode<T>::name() const {
  const auto text_of = [&](int at, std::span<const std::string> arguments) -> std::string {
    const CodeStep& step = steps[at];
    if (step.kind == CodeStep::Kind::input) return "x";
    if (step.kind == CodeStep::Kind::number) return "c";
    return fmt::format("{}({})", facts_of(step.op).name, fmt::join(arguments, ", "));
  };
  return fmt::format("{}", fmt::join(fold_steps<std::string>(*this, text_of), "; "));
}

UNROLL_COMPILE_TYPES(struct FusedCode)

}  // namespace unroll::detail
