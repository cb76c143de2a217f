// CSV, and series out of it.

#include <cmath>

#include "fuzz.hpp"
#include "unroll/data/time_series.hpp"

namespace {

using namespace unroll;

void check_table(const Table& table) {
  for (const Column& column : table.columns) {
    fuzz::require(column.size() == table.rows(), "a column has a value for each row");
    for (const double x : column.numbers) fuzz::require(!std::isinf(x), "numbers are finite or missing");
    for (const std::int32_t c : column.codes)
      fuzz::require(c >= -1 && c < std::ssize(column.levels), "a code is that of a level");
    for (const std::int64_t t : column.times)
      fuzz::require(t == missing_time || read_time(format_time(t, column.form), column.form).time == t,
                    "a time is read as it is written");
  }
}

void check_set(const TimeSeriesSet& set) {
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) {
    fuzz::require(set.rows(s) > 0, "a series has a row");
    fuzz::require(
        std::ssize(set.series[static_cast<std::size_t>(s)].values) == set.rows(s) * std::ssize(set.columns),
        "a row has a number for each column");
  }
  fuzz::require(set.gaps.empty() == set.gap_report().empty(), "gaps are reported");
}

/// The numbers of a table as CSV, which has a header.
std::string csv_of(const Table& table) {
  std::string text;
  for (std::size_t c = 0; c < table.columns.size(); ++c) text += fmt::format("{}c{}", c ? "," : "", c);
  for (std::size_t row = 0; row < table.rows(); ++row)
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const Column& column = table.columns[c];
      text += c ? "," : "\n";
      text += column.kind != ColumnKind::number || column.missing(row)
                  ? "NA"
                  : fmt::format("{}", column.numbers[row]);
    }
  return text;
}

}  // namespace

UNROLL_FUZZ_TARGET(csv) {
  fuzz::Bytes bytes(input);
  TableOptions options;
  const int choice = bytes.byte();
  if (choice & 1) options.decimal = ',';
  if (choice & 2) options.missing.push_back("nan");
  if (choice & 4) options.header = TableOptions::Header::absent;
  if (choice & 8) options.time = "1", options.header = TableOptions::Header::absent;
  const Table table = parse_csv(bytes.rest(), "f", options);
  check_table(table);
  const Table file = read_csv(fuzz::file_of(bytes.rest()), options);
  const std::string written = csv_of(table);
  fuzz::require(csv_of(file) == written, "a file is read as a text is");
  fuzz::require(csv_of(parse_csv(written, "f")) == written, "numbers are read as they were written");
  TimeSeriesOptions how{.most_gap_rows = 20};
  if (choice & 16) how.series = table.columns[0].name;
  check_set(time_series(table, how));
}
