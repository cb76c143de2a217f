#pragma once
/// \file Tables of numbers, times and words, from CSV, JSON lines or NumPy's files. The formats are in
/// docs/file_formats.md, and docs/own_data.md goes from a table to a trained network.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/data/calendar.hpp"

namespace unroll {

/// What a column holds.
enum class ColumnKind { number, text, time };
/// `numbers`, `text` or `times`, as messages call them.
std::string_view name_of(ColumnKind kind);

/// In `times`, that there is none.
inline constexpr std::int64_t missing_time = std::numeric_limits<std::int64_t>::min();

/// A column of a table. One of `numbers`, `codes` and `times` has a value for each row.
struct Column {
  std::string name;                      ///< of the header, or `1`, `2`, …
  ColumnKind kind = ColumnKind::number;  ///< what it holds
  std::vector<double> numbers = {};      ///< NaN where missing, and nowhere else; otherwise finite
  std::vector<std::int32_t> codes = {};  ///< of text: its place in `levels`, −1 where missing
  std::vector<std::string> levels = {};  ///< the different texts in the order in which they first occur
  std::vector<std::int64_t> times = {};  ///< see calendar.hpp; `missing_time` where missing
  TimeForm form = TimeForm::day;         ///< of all its times

  /// The number of rows.
  std::size_t size() const;
  /// Whether a row has no value.
  bool missing(std::size_t row) const;
};

/// Which line of its file each row came from; a few numbers where rows follow one another.
class RowLines {
 public:
  /// The next row, and its line; 0: it is not from the file.
  void add(std::size_t line);
  /// The line of a row, from 1, or 0.
  std::size_t line(std::size_t row) const;
  /// The number of rows.
  std::size_t size() const { return rows_; }

 private:
  std::vector<std::pair<std::size_t, std::size_t>> runs_;  // first row and its line
  std::size_t rows_ = 0;
};

/// A table by its columns, which all have the same number of rows.
struct Table {
  std::string name;             ///< of the file, for messages
  std::vector<Column> columns;  ///< in the order of the file
  RowLines lines;               ///< where the rows stand

  /// The number of rows.
  std::size_t rows() const { return lines.size(); }
  /// `file:line` of a row, or `file: row 7` (from 1) of a file without lines.
  std::string place(std::size_t row) const;
  /// The number of a column.
  /// Errors: DataError that lists the names if there is none, or there are two, of this name.
  std::size_t column(std::string_view name) const;
};

/// How a table is read.
struct TableOptions {
  /// What stands for a missing value, besides nothing at all (and `null` in JSON). `NaN` among them, in capitals or not,
  /// lets the NaN of a NumPy file be missing too: otherwise it is an error wherever it stands.
  std::vector<std::string> missing = {"NA"};
  std::vector<std::string> columns = {};  ///< read these only, in the order of the file; empty: all
  std::vector<std::string> text = {};     ///< these hold text, whatever it looks like
  std::string time = {};                  ///< this one holds times: a year there is no number
  /// Whether a first line has names.
  enum class Header { automatic, present, absent };
  Header header =
      Header::automatic;   ///< of CSV: whether the first line has the names. automatic: if no cell of it is a
                           ///< number, a time or missing
  char delimiter = 0;      ///< of CSV; 0: what of comma, semicolon, tab and `|` divides the first line
  char decimal = '.';      ///< of CSV: '.' or ','
  std::string array = {};  ///< of an npz file: the name of the array; empty: the only one
  std::uint64_t most_bytes = std::uint64_t{1} << 40;  ///< what a compressed file may unpack to
};

/// A CSV file (RFC 4180, UTF-8). What a column holds is what its first value looks like: a number, an ISO date, or text.
/// Units:  as in the file.
/// Errors: DataError `file:line:column: …` (the column in characters, from 1) for what is no value of its column (also
///         NaN and infinity), a line with more or fewer cells, a quote that is not closed, bytes that are not UTF-8;
///         `file: …` if it cannot be read, has no row, or has no column of a name that `options` asks for.
/// Cost:   it is read in pieces: memory is that of the columns, 8 bytes for a number or time and 4 for a text.
Table read_csv(const std::string& path, const TableOptions& options = {});
/// The same of a text; `name` stands for the file in messages.
Table parse_csv(std::string_view text, std::string name, const TableOptions& options = {});

/// A file with one JSON object in a line, whose keys are columns: those of the first line that `options` does not leave
/// out; one that a later line lacks is missing there. true and false are 1 and 0.
/// Errors: DataError `file:line:column: …` (the column in bytes) as above, for what is not JSON, a key that is not in the
///         first line or comes twice, a value that is an array or object.
Table read_json_lines(const std::string& path, const TableOptions& options = {});
/// The same of a text; `name` stands for the file in messages.
Table parse_json_lines(std::string_view text, std::string name, const TableOptions& options = {});

/// A table in the format that the file's name tells: .csv, .tsv, .txt, .jsonl, .ndjson, .npy or .npz (an array with up to
/// two axes, whose columns are called `1`, `2`, …; see unroll/data/npy.hpp).
/// Errors: DataError as above, or for another name.
Table read_table(const std::string& path, const TableOptions& options = {});

/// Replaces a column of text by one of 0 and 1 for each of `levels`, called `name=level`; where it is missing, they are.
/// With no `levels`, those of the column: save them with a model, which needs the same columns again.
/// Errors: DataError `file:line: …` for a text that is not among them; as Table::column, or if it holds no text, or has
///         more than 1,000 levels.
std::vector<std::string> one_hot(Table& table, std::string_view name, std::vector<std::string> levels = {});

}  // namespace unroll
