#include "unroll/detail/export/c_loops.hpp"

#include <fmt/format.h>

namespace unroll::detail {

std::vector<CAxis> joined_axes(std::vector<CAxis> axes) {
  std::vector<CAxis> joined;
  for (CAxis& axis : axes) {
    if (axis.extent == 1) continue;
    bool together = !joined.empty();
    for (std::size_t k = 0; together && k < axis.strides.size(); ++k)
      together = joined.back().strides[k] == axis.strides[k] * axis.extent;
    if (together) axis.extent *= joined.back().extent, joined.pop_back();
    joined.push_back(std::move(axis));
  }
  return joined;
}

std::string c_index(std::span<const CAxis> axes, std::size_t k, index_t first, const std::string& prefix) {
  std::string text = first > 0 ? fmt::format("{}", first) : "";
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const index_t stride = axes[a].strides[k];
    if (stride == 0) continue;
    if (!text.empty()) text += " + ";
    text += stride == 1 ? fmt::format("{}{}", prefix, a) : fmt::format("{} * {}{}", stride, prefix, a);
  }
  return text.empty() ? "0" : text;
}

std::string c_loops(std::span<const CAxis> axes, std::span<const std::string> body, int depth,
                    const std::string& prefix) {
  std::string text;
  const auto indent = [&] { return std::string(static_cast<std::size_t>(2 * depth), ' '); };
  const bool block = axes.empty() && body.size() > 1;  // names of its own
  if (block) text += indent() + "{\n", ++depth;
  for (std::size_t a = 0; a < axes.size(); ++a, ++depth)
    text += fmt::format("{}for (int {}{} = 0; {}{} < {}; ++{}{}) {{\n", indent(), prefix, a, prefix, a,
                        axes[a].extent, prefix, a);
  for (const std::string& line : body) text += indent() + line + "\n";
  for (std::size_t a = 0; a < axes.size() + (block ? 1 : 0); ++a) {
    --depth;
    text += indent() + "}\n";
  }
  return text;
}

}  // namespace unroll::detail
