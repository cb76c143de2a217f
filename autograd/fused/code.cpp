#include "unroll/detail/autograd/fused/code.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <fmt/format.h>

namespace unroll::detail {

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
