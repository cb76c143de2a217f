#include "unroll/train/weights.hpp"

#include <fmt/format.h>

#include <tuple>

#include "unroll/detail/io/text.hpp"

namespace unroll {
namespace {

using io::StoredTensor;
using io::TensorFile;

constexpr std::string_view first_weight = "weight_ih_l0";

/// The prefixes under which a recurrent layer stands, for a message.
std::string prefixes(const TensorFile& file) {
  std::string list;
  for (const auto& [name, tensor] : file) {
    if (name != first_weight && !name.ends_with(fmt::format(".{}", first_weight))) continue;
    const std::string prefix = name.substr(0, name.size() - first_weight.size());
    if (list.size() > 1000) return list + ", ...";
    list += (list.empty() ? "" : ", ") + io::quote(prefix.substr(0, prefix.rfind('.')));
  }
  return list.empty() ? "none in this file" : list;
}

/// A matrix's rows and columns.
/// Errors: DataError for another number of axes, or none of an axis.
std::pair<index_t, index_t> matrix(const TensorFile& file, const std::string& name) {
  const StoredTensor& tensor = file.at(name);
  if (tensor.shape.size() != 2 || tensor.shape[0] < 1 || tensor.shape[1] < 1) {
    raise<DataError>("{}: {} is no matrix with elements", file.source(), io::shown_name(name));
  }
  return {tensor.shape[0], tensor.shape[1]};
}

}  // namespace

RecurrentSizes recurrent_sizes(const TensorFile& file, const std::string& prefix) {
  const std::string before = prefix.empty() || prefix.ends_with('.') ? prefix : prefix + ".";
  const auto has = [&](const std::string& name) { return file.contains(before + name); };
  if (!has(std::string(first_weight))) {
    raise<DataError>("{}: no recurrent layer under the prefix \"{}\"; there is one under: {}", file.source(),
                     prefix, prefixes(file));
  }
  const auto [rows, input] = matrix(file, before + std::string(first_weight));
  const auto [rows_hh, output] = matrix(file, before + "weight_hh_l0");
  RecurrentSizes sizes{.input = input, .hidden = output};
  if (has("weight_hr_l0")) {
    std::tie(sizes.projection, sizes.hidden) = matrix(file, before + "weight_hr_l0");
  }
  if (rows != rows_hh || rows % sizes.hidden != 0) {
    raise<DataError>("{}: {}weight_ih_l0 has {} rows and {}weight_hh_l0 {}; need a multiple of {} in both",
                     file.source(), before, rows, before, rows_hh, sizes.hidden);
  }
  sizes.gates = rows / sizes.hidden;
  sizes.options.bias = has("bias_ih_l0");
  sizes.options.bidirectional = has("weight_ih_l0_reverse");
  while (has(fmt::format("weight_ih_l{}", sizes.options.num_layers))) ++sizes.options.num_layers;
  return sizes;
}

}  // namespace unroll
