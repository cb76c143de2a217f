// Sequences of real vectors.

#include "unroll/data/series.hpp"

#include <cmath>

#include "fuzz.hpp"

namespace {

using namespace unroll;

std::string text_of(const SeriesSet& set) {
  std::string text = "\xEF\xBB\xBF";
  for (const Series& series : set.series) {
    text += series.label + "\r\n";
    for (std::size_t k = 0; k < series.values.size(); ++k)
      text += fmt::format("{}{}", series.values[k],
                          (k + 1) % static_cast<std::size_t>(set.features) ? " " : "\r\n");
    text += "\r\n";
  }
  return text;
}

}  // namespace

UNROLL_FUZZ_TARGET(series) {
  const SeriesSet set = parse_series(lines_of(input, "f"));
  for (const Series& series : set.series) {
    fuzz::require(series.steps > 0 && !series.label.empty(), "a series has a label and vectors");
    fuzz::require(std::ssize(series.values) == series.steps * set.features, "vectors have the same size");
    for (const float value : series.values) fuzz::require(std::isfinite(value), "values are finite");
  }
  const std::string written = text_of(set);
  fuzz::require(text_of(read_series(fuzz::file_of(written))) == written,
                "series are read as they were written");
}
