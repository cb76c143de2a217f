#include "unroll/detail/train/cell_names.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "unroll/detail/io/text.hpp"

namespace unroll::detail {
namespace {

/// The arrays of one cell: PREFIX.weight_ih_l0 or, of a cell outside a layer, PREFIX.weight_ih.
struct CellArrays {
  const ShapesByName& all;
  std::string prefix, suffix;

  bool has(const char* name) const {  // an array, or a module of arrays such as norm_c_l0.weight
    const std::string whole = prefix + name + suffix;
    const auto at = all.lower_bound(whole);
    return at != all.end() && (at->first == whole || at->first.starts_with(whole + "."));
  }
  const std::vector<std::int64_t>* matrix(const char* name) const {
    const auto at = all.find(prefix + name + suffix);
    return at != all.end() && at->second.size() == 2 && at->second[1] > 0 ? &at->second : nullptr;
  }
};

// Empty where it looks like none.
std::string cell_like(const CellArrays& arrays) {
  constexpr std::array<std::pair<const char*, const char*>, 6> by_name{{{"weight_hr", "LstmProjection"},
                                                                        {"weight_ci", "LstmPeephole"},
                                                                        {"norm_c", "LayerNormLstm"},
                                                                        {"norm_ih_rz", "LayerNormGru"},
                                                                        {"weight_rh", "GruResetBefore"},
                                                                        {"weight_oh", "Jordan"}}};
  constexpr std::array by_gates{"Elman", "ForgetGateRnn", "Gru", "Lstm"};
  for (const auto& [name, cell] : by_name)
    if (arrays.has(name)) return cell;
  const auto* recurrent = arrays.matrix("weight_hh");
  if (!recurrent) return "";
  const std::int64_t rows = (*recurrent)[0], hidden = (*recurrent)[1], gates = rows / hidden;
  const bool known = rows % hidden == 0 && gates >= 1 && gates <= 4;
  return known ? by_gates[static_cast<std::size_t>(gates - 1)] : "";
}

}  // namespace

std::vector<std::string> other_cells(const ShapesByName& file, const ShapesByName& model) {
  constexpr std::string_view first = "weight_ih";
  std::vector<std::string> texts;
  for (const auto& [name, shape] : model) {
    const std::string suffix = name.ends_with("_l0") ? "_l0" : "";
    const std::string_view stem = std::string_view(name).substr(0, name.size() - suffix.size());
    if (!stem.ends_with(first)) continue;
    const std::string prefix(stem.substr(0, stem.size() - first.size()));
    if (!prefix.empty() && prefix.back() != '.') continue;
    const std::string theirs = cell_like({file, prefix, suffix}), ours = cell_like({model, prefix, suffix});
    if (theirs.empty() || ours.empty() || theirs == ours) continue;
    texts.push_back(fmt::format(
        "{} looks like {}, not {}",
        prefix.empty() ? "the file" : io::shown_name(prefix.substr(0, prefix.size() - 1)), theirs, ours));
  }
  return texts;
}

}  // namespace unroll::detail
