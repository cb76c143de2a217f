#include "unroll/data/series.hpp"

#include <cmath>
#include <utility>

#include "unroll/data/tokens.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/numbers.hpp"

namespace unroll {
namespace {

float number_of(std::string_view word, const TextLines& text, std::size_t line) {
  const auto value = detail::number_in(word);
  if (!value || !std::isfinite(static_cast<float>(*value)))
    text.fail_at(line, "need finite numbers; got '{}'", printable(word));
  return static_cast<float>(*value);
}

void append_vector(Series& series, SeriesSet& set, const TextLines& text, std::size_t line) {
  const auto words = split_words(text.lines[line - 1]);
  const auto count = std::ssize(words);
  if (set.features == 0) set.features = count;
  if (count != set.features)
    text.fail_at(line, "need {} numbers, as in the first vector; got {}", set.features, count);
  for (const auto word : words) series.values.push_back(number_of(word, text, line));
  ++series.steps;
}

}  // namespace

SeriesSet parse_series(const TextLines& text) {
  SeriesSet set;
  Series current;
  const auto finish = [&](std::size_t line) {
    if (current.label.empty()) return;
    if (current.steps == 0)
      text.fail_at(line, "the label '{}' has no vectors below it", printable(current.label));
    set.series.push_back(std::exchange(current, {}));
  };
  for (std::size_t line = 1; line <= text.lines.size(); ++line) {
    const std::string& content = text.lines[line - 1];
    if (is_blank(content)) {
      finish(line - 1);
    } else if (current.label.empty()) {
      current.label = trimmed(content);
      current.place = fmt::format("{}:{}", text.name, line);
    } else {
      append_vector(current, set, text, line);
    }
  }
  finish(text.lines.size());
  if (set.series.empty()) raise<DataError>("{}: nothing but blank lines", text.name);
  return set;
}

SeriesSet read_series(const std::string& path) { return parse_series(read_lines(path)); }

}  // namespace unroll
