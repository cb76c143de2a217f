#pragma once  // internal
/// \file Which recurrent cell arrays look like, by their names and shapes, for messages.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace unroll::detail {

using ShapesByName = std::map<std::string, std::vector<std::int64_t>>;

/// For each cell of a model that the file's arrays of the same place do not look like:
/// "encoder.rnn looks like Lstm, not Gru".
std::vector<std::string> other_cells(const ShapesByName& file, const ShapesByName& model);

}  // namespace unroll::detail
