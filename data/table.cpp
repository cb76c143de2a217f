#include "unroll/data/table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

constexpr std::size_t most_levels = 1000;

/// The numbers of 0 and 1 for one level.
Column level_column(const Column& text, const std::string& level, std::int32_t code) {
  Column column{.name = text.name + "=" + level};
  column.numbers.reserve(text.codes.size());
  for (const std::int32_t c : text.codes)
    column.numbers.push_back(c < 0 ? std::numeric_limits<double>::quiet_NaN() : c == code);
  return column;
}

/// Refuses a text of the column that is not among the levels.
void check_levels(const Table& table, const Column& text, const std::vector<std::string>& levels) {
  std::vector<bool> known;
  for (const std::string& level : text.levels)
    known.push_back(std::find(levels.begin(), levels.end(), level) != levels.end());
  for (std::size_t row = 0; row < text.codes.size(); ++row) {
    const std::int32_t code = text.codes[row];
    if (code < 0 || known[static_cast<std::size_t>(code)]) continue;
    raise<DataError>("{}: column '{}': '{}' is none of the {} levels that are known", table.place(row),
                     printable(text.name), printable(text.levels[static_cast<std::size_t>(code)]),
                     levels.size());
  }
}

}  // namespace

std::string_view name_of(ColumnKind kind) {
  return kind == ColumnKind::number ? "numbers" : kind == ColumnKind::text ? "text" : "times";
}

std::size_t Column::size() const { return std::max({numbers.size(), codes.size(), times.size()}); }

bool Column::missing(std::size_t row) const {
  switch (kind) {
    case ColumnKind::number:
      return std::isnan(numbers.at(row));
    case ColumnKind::text:
      return codes.at(row) < 0;
    default:
      return times.at(row) == missing_time;
  }
}

void RowLines::add(std::size_t line) {
  const bool follows =
      !runs_.empty() &&
      (line == 0 ? runs_.back().second == 0
                 : runs_.back().second != 0 && line == runs_.back().second + (rows_ - runs_.back().first));
  if (!follows) runs_.emplace_back(rows_, line);
  ++rows_;
}

std::size_t RowLines::line(std::size_t row) const {
  if (row >= rows_) raise<IndexError>("line: need a row below {}; got {}", rows_, row);
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), row,
                                      [](std::size_t r, const auto& run) { return r < run.first; });
  const auto& [first, line] = *std::prev(after);
  return line == 0 ? 0 : line + (row - first);
}

std::string Table::place(std::size_t row) const {
  const std::size_t line = lines.line(row);
  return line ? fmt::format("{}:{}", name, line) : fmt::format("{}: row {}", name, row + 1);
}

std::size_t Table::column(std::string_view wanted) const {
  std::vector<std::string> names;
  std::size_t found = columns.size(), count = 0;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    if (columns[k].name == wanted) found = k, ++count;
    if (names.size() < 20) names.push_back(printable(columns[k].name));
  }
  if (count == 1) return found;
  raise<DataError>("{}: there {} '{}'; there are {}{}", name, count ? "are several columns" : "is no column",
                   printable(wanted), fmt::join(names, ", "), columns.size() > names.size() ? ", …" : "");
}

std::vector<std::string> one_hot(Table& table, std::string_view name, std::vector<std::string> levels) {
  const std::size_t at = table.column(name);
  const Column text = table.columns[at];
  if (text.kind != ColumnKind::text)
    raise<DataError>("{}: column '{}' holds {}, not text", table.name, printable(name), name_of(text.kind));
  if (levels.empty()) levels = text.levels;
  if (levels.size() > most_levels)
    raise<DataError>("{}: column '{}' has {} levels; {} are allowed", table.name, printable(name),
                     levels.size(), most_levels);
  check_levels(table, text, levels);
  std::vector<Column> columns;
  for (const std::string& level : levels) {
    const auto found = std::find(text.levels.begin(), text.levels.end(), level);
    const auto code =
        found == text.levels.end() ? -2 : static_cast<std::int32_t>(found - text.levels.begin());
    columns.push_back(level_column(text, level, code));
  }
  const auto where = table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(at));
  table.columns.insert(where, std::make_move_iterator(columns.begin()),
                       std::make_move_iterator(columns.end()));
  return levels;
}

}  // namespace unroll
