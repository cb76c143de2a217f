#include "unroll/detail/data/table_builder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "unroll/data/lines.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/numbers.hpp"

namespace unroll::detail {
namespace {

bool among(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void append_missing(Column& column) {
  switch (column.kind) {
    case ColumnKind::number:
      return column.numbers.push_back(std::numeric_limits<double>::quiet_NaN());
    case ColumnKind::text:
      return column.codes.push_back(-1);
    case ColumnKind::time:
      return column.times.push_back(missing_time);
  }
}

TableBuilder::TableBuilder(std::string file, const TableOptions& options, const CellPlaces& places)
    : options_(options), places_(places) {
  table_.name = std::move(file);
  for (const std::string& word : options.missing)
    number_is_missing_ = number_is_missing_ || std::isfinite(number_in(word).value_or(NAN));
}

std::string TableBuilder::shown(std::string_view text) { return printable(text); }

void TableBuilder::check_names(const std::vector<std::string>& names,
                               const std::vector<std::string>& wanted) const {
  for (const std::string& name : wanted) {
    if (name.empty() || among(names, name)) continue;
    std::vector<std::string> list;
    for (const std::string& had : names)
      if (list.size() < 20) list.push_back(shown(had));
    raise<DataError>("{}: there is no column '{}'; there are {}{}", table_.name, shown(name),
                     fmt::join(list, ", "), names.size() > list.size() ? ", …" : "");
  }
}

void TableBuilder::name_columns(const std::vector<std::string>& names) {
  check_names(names, options_.columns);
  check_names(names, options_.text);
  check_names(names, {options_.time});
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const bool wanted = options_.columns.empty() || among(options_.columns, names[k]) ||
                        names[k] == options_.time || among(options_.text, names[k]);
    targets_.push_back(wanted ? static_cast<int>(columns_.size()) : -1);
    if (!wanted) continue;
    if (!seen.emplace(names[k], k).second)
      raise<DataError>("{}: there is another column '{}'", places_.place_of_cell(k), shown(names[k]));
    Growing& column = columns_.emplace_back();
    column.column.name = names[k];
    column.as_text = among(options_.text, names[k]);
    column.as_time = !options_.time.empty() && names[k] == options_.time;
  }
}

TableBuilder::Growing* TableBuilder::target(std::size_t number) {
  return targets_[number] < 0 ? nullptr : &columns_[static_cast<std::size_t>(targets_[number])];
}

bool TableBuilder::means_missing(std::string_view text) const {
  if (text.empty()) return true;
  for (const std::string& word : options_.missing)
    if (word.size() == text.size() && word[0] == text[0] && word == text) return true;
  return false;
}

std::string TableBuilder::first_place(const Growing& column) const {
  const std::size_t line = table_.lines.size() > column.first_row ? table_.lines.line(column.first_row) : 0;
  return fmt::format("as '{}'{}", shown(column.first_value), line ? fmt::format(" in line {}", line) : "");
}

void TableBuilder::decide_as(Growing& column, ColumnKind kind, std::string_view text) {
  column.decided = true;
  column.column.kind = kind;
  column.numbers_only = kind == ColumnKind::number && !number_is_missing_;
  column.first_row = rows();
  column.first_value = text.substr(0, 80);
  for (std::size_t row = 0; row < rows(); ++row) append_missing(column.column);
}

void TableBuilder::decide(Growing& column, std::size_t number, std::string_view text) {
  if (column.as_text) return decide_as(column, ColumnKind::text, text);
  if (!column.as_time && number_in(text)) return decide_as(column, ColumnKind::number, text);
  const TimeReading reading = read_time(text);
  if (!reading.problem.empty()) {
    if (column.as_time) refuse(column, number, "{}; got '{}'", reading.problem, shown(text));
    return decide_as(column, ColumnKind::text, text);
  }
  decide_as(column, ColumnKind::time, text);
  column.column.form = reading.form;
  column.zoned = reading.zoned;
}

void TableBuilder::any_cell(Growing& column, std::size_t number, std::string_view text) {
  text = trimmed(text);
  if (means_missing(text)) return missing(number);
  if (!column.decided) decide(column, number, text);
  switch (column.column.kind) {
    case ColumnKind::number:
      return add_number(column, number, text);
    case ColumnKind::time:
      return add_time(column, number, text);
    case ColumnKind::text:
      return add_text(column, number, text);
  }
}

void TableBuilder::add_number(Growing& column, std::size_t number, std::string_view text) {
  const auto value = number_in(text);
  if (!value)
    refuse(
        column, number,
        "need a number, {}; got '{}' (declare it as missing, or the column as text, if that is what it is)",
        first_place(column), shown(text));
  if (!std::isfinite(*value))
    refuse(column, number, "need a finite number; got '{}' (declare it as missing if that is what it means)",
           shown(text));
  column.column.numbers.push_back(*value);
}

void TableBuilder::add_time(Growing& column, std::size_t number, std::string_view text) {
  const TimeReading reading = read_time(text, column.column.form);
  if (!reading.problem.empty()) refuse(column, number, "{}; got '{}'", reading.problem, shown(text));
  if (reading.form != column.column.form)
    refuse(column, number, "need a {}, {}; got the {} '{}'", name_of(column.column.form), first_place(column),
           name_of(reading.form), shown(text));
  if (reading.zoned != column.zoned)
    refuse(column, number, "need a time {} an offset from UTC, {}; got '{}'",
           column.zoned ? "with" : "without", first_place(column), shown(text));
  column.column.times.push_back(reading.time);
}

void TableBuilder::add_text(Growing& column, std::size_t number, std::string_view text) {
  auto at = column.codes.find(text);
  if (at == column.codes.end()) {
    if (find_utf8_fault(text)) refuse(column, number, "'{}' is not UTF-8", shown(text));
    at = column.codes.emplace(text, static_cast<std::int32_t>(column.codes.size())).first;
    column.column.levels.emplace_back(text);
  }
  column.column.codes.push_back(at->second);
}

void TableBuilder::number(std::size_t number, double value) {
  Growing* const column = target(number);
  if (!column) return;
  if (!column->numbers_only || !std::isfinite(value))
    return any_cell(*column, number, fmt::format("{}", value));
  column->column.numbers.push_back(value);
}

void TableBuilder::words(std::size_t number, std::string_view text) {
  Growing* const column = target(number);
  if (!column) return;
  if (means_missing(text)) return missing(number);
  if (!column->decided && !column->as_time && number_in(text)) decide_as(*column, ColumnKind::text, text);
  if (column->decided && column->column.kind == ColumnKind::number)
    refuse(*column, number, "need a number, {}; got the text '{}'", first_place(*column), shown(text));
  any_cell(*column, number, text);
}

void TableBuilder::missing(std::size_t number) {
  Growing* const column = target(number);
  if (column && column->decided) append_missing(column->column);
}

void TableBuilder::end_row(std::size_t line) {
  table_.lines.add(line);
  if (given_ < cells()) fill_row();
  given_ = 0;
}

void TableBuilder::fill_row() {
  for (Growing& column : columns_)
    if (column.decided && column.column.size() < rows()) append_missing(column.column);
}

Table TableBuilder::finish() {
  for (Growing& column : columns_) {
    if (!column.decided) decide_as(column, column.as_text ? ColumnKind::text : ColumnKind::number, "");
    table_.columns.push_back(std::move(column.column));
  }
  columns_.clear();
  return std::move(table_);
}

}  // namespace unroll::detail
