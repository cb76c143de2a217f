#pragma once
/// \file A picture of what a decoder attends to.

#include <filesystem>
#include <string>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll::translate {

/// What:   writes an SVG file: a row for each word of the target, a column for each of the source, the darker
///         the larger the weight.
/// Shapes: weights (rows, 1, columns).
/// Errors: DataError if the file cannot be written; `file` is then as it was.
void write_alignment_plot(const std::filesystem::path& file, const std::vector<std::string>& source,
                          const std::vector<std::string>& target, const Variable<float>& weights);

}  // namespace unroll::translate
