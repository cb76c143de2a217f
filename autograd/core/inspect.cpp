#include "unroll/detail/autograd/core/inspect.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <bit>

#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

template <class T>
Part part_of(const Tensor<T>& t) {
  if (t.run < 1 || t.pitch <= t.run || t.pitch % t.run != 0) {  // one row: only the tape knows
    if (!t.is_view() || t.creator->name() != "chunk") return {};
    return {t.member, static_cast<index_t>(static_cast<const ViewNode<T>&>(*t.creator).parts())};
  }
  const auto offset = t.data - static_cast<const T*>(t.storage->data());
  return offset % t.run == 0 ? Part{offset % t.pitch / t.run, t.pitch / t.run} : Part{};
}

std::string Place::gate(const Part& part) const {
  std::string_view names = run->gate_names;
  for (index_t k = 0; k < part.number; ++k)
    names.remove_prefix(std::min(names.find(' '), names.size() - 1) + 1);
  if (names.empty()) return fmt::format("{} of {}", part.number + 1, part.count);
  return std::string(names.substr(0, names.find(' ')));
}

std::string Place::text(const Part& part, index_t at) const {
  std::string text = run->path.empty() ? "" : run->path + ", ";
  if (!projecting) {
    text += fmt::format("step {}{}", step, run->reverse ? " from the end" : "");
  } else {
    text += at < 0 || run->packed ? "projection" : fmt::format("projection at time {}", step + at);
  }
  if (part.count > 1) text += ", gate " + gate(part);
  return text + ": ";
}

Part common_part(std::uint64_t inputs, std::span<const Part> parts) {
  Part common;
  for (; inputs != 0; inputs &= inputs - 1) {
    const Part& p = parts[static_cast<std::size_t>(std::countr_zero(inputs))];
    if (p.count == 1) continue;
    if (common.count > 1 && !(p == common)) return {};
    common = p;
  }
  return common;
}

UNROLL_COMPILE_FUNCTIONS(part_of)

}  // namespace unroll::detail
