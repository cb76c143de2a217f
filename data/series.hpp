#pragma once
/// \file Sequences of real vectors, each with a label. The format is in docs/file_formats.md.

#include <cstdint>
#include <string>
#include <vector>

#include "unroll/data/lines.hpp"

namespace unroll {

/// A sequence of `steps` vectors: value f of step t is values[t * features + f]. `place` is its `file:line`.
struct Series {
  std::string label, place;   ///< its class, and where it stands
  std::int64_t steps = 0;     ///< its length
  std::vector<float> values;  ///< steps · features numbers
};

/// Sequences whose vectors all have `features` numbers.
struct SeriesSet {
  std::int64_t features = 0;   ///< the size of a vector
  std::vector<Series> series;  ///< in the order of the file
};

/// Blank lines divide the text into sequences; the first line of each is its label, every other one is a
/// vector: numbers with spaces or tabs between them.
/// Units:  as in the file; nothing is scaled.
/// Errors: DataError `file:line: …` for what is no finite number, a vector of another length than the first,
///         a label without vectors, or a text without sequences.
SeriesSet parse_series(const TextLines& text);

/// Errors: as above, and if the file cannot be read, is empty or is not UTF-8.
SeriesSet read_series(const std::string& path);

}  // namespace unroll
