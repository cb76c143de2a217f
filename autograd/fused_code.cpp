#include "autograd/fused_code.hpp"

#include <fmt/format.h>

#include "autograd/scalar_ops.hpp"

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
  std::vector<std::string> results;
  for (const CodeStep& step : all_steps()) {
    if (step.kind != CodeStep::Kind::op) {
      results.push_back(step.kind == CodeStep::Kind::input ? "x" : "c");
      continue;
    }
    const OpFacts& op = facts_of(step.op);
    const auto arguments = results.end() - op.arity;
    std::string text = fmt::format("{}({})", op.name, fmt::join(arguments, results.end(), ", "));
    results.erase(arguments, results.end());
    results.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(results, "; "));
}

template struct FusedCode<float>;
template struct FusedCode<double>;

}  // namespace unroll::detail
