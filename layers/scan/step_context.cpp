#include "unroll/detail/layers/scan/step_context.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace unroll::detail {

std::string StepContext::gate(const ColumnBlock& block) const {
  std::string_view names = recurrence->gate_names;
  for (index_t k = 0; k < block.number; ++k)
    names.remove_prefix(std::min(names.find(' '), names.size() - 1) + 1);
  if (names.empty()) return fmt::format("{} of {}", block.number + 1, block.count);
  return std::string(names.substr(0, names.find(' ')));
}

std::string StepContext::describe(const ColumnBlock& block) const { return text(block, -1); }

std::string StepContext::describe(const Elements& elements) const {
  return text(gate_of(elements), step + elements.first);
}

ColumnBlock StepContext::gate_of(const Elements& elements) const {
  const index_t width = recurrence->gate_columns;
  if (width <= 0 || elements.columns <= width || elements.columns % width != 0) return {};
  const index_t first = elements.begin / width, last = (elements.end - 1) / width;
  return first == last ? ColumnBlock{first, elements.columns / width} : ColumnBlock{};
}

std::string StepContext::text(const ColumnBlock& block, index_t time) const {
  std::string text = recurrence->path.empty() ? "" : recurrence->path + ", ";
  if (!projecting) {
    text += fmt::format("step {}{}", step, recurrence->reverse ? " from the end" : "");
  } else {
    text += time < 0 || recurrence->packed ? "projection" : fmt::format("projection at time {}", time);
  }
  if (!block.is_whole()) text += ", gate " + gate(block);
  return text + ": ";
}

}  // namespace unroll::detail
