#pragma once  // internal
/// \file A table that grows by cells, whatever the format that they come from.

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "unroll/data/table.hpp"
#include "unroll/detail/data/numbers.hpp"

namespace unroll::detail {

/// Tells where in the file the cell of a row stands that is being read.
class CellPlaces {
 public:
  virtual ~CellPlaces() = default;
  /// `file:line:column` of cell `number` of the row.
  virtual std::string place_of_cell(std::size_t number) const = 0;
};

/// What a column holds is decided by its first value.
/// Errors: DataError that begins with the place, by `CellPlaces`, for what is no value of its column.
class TableBuilder {
 public:
  TableBuilder(std::string file, const TableOptions& options, const CellPlaces& places);

  /// The names of a row's cells; call it once, before any cell.
  void name_columns(const std::vector<std::string>& names);
  /// The number of cells in a row.
  std::size_t cells() const { return targets_.size(); }
  /// The number of rows that are complete.
  std::size_t rows() const { return table_.rows(); }

  /// A cell as text: a number, time, text, or missing, as its column says.
  void cell(std::size_t number, std::string_view text) {
    ++given_;
    if (targets_[number] < 0) return;
    Growing& column = columns_[static_cast<std::size_t>(targets_[number])];
    double value = 0;
    if (column.numbers_only && plain_decimal(text, value)) return column.column.numbers.push_back(value);
    any_cell(column, number, text);
  }
  /// A cell that is a number.
  void number(std::size_t number, double value);
  /// A cell that is text, even if it looks like a number.
  void words(std::size_t number, std::string_view text);
  /// A cell without a value.
  void missing(std::size_t number);
  /// Ends a row that stands in this line (0: none); the cells that it has not got are missing.
  void end_row(std::size_t line);
  /// The table.
  Table finish();
  /// Whether a cell of this text would be missing.
  bool means_missing(std::string_view text) const;

 private:
  struct TextHash {  // one that looks up a part of the file without a copy
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Growing {
    Column column;
    bool decided = false, as_text = false, as_time = false, zoned = false;
    bool numbers_only = false;  // what looks like a number is one, and never stands for a missing value
    std::size_t first_row = 0;  // in which the first value stands
    std::string first_value;    // as it stands there
    std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>> codes;
  };

  template <class... Args>
  [[noreturn]] void refuse(const Growing& column, std::size_t number, fmt::format_string<Args...> format,
                           Args&&... args) const {
    raise<DataError>("{}: column '{}': {}", places_.place_of_cell(number), shown(column.column.name),
                     fmt::format(format, std::forward<Args>(args)...));
  }
  static std::string shown(std::string_view text);
  Growing* target(std::size_t number);
  void fill_row();
  void any_cell(Growing& column, std::size_t number, std::string_view text);
  void decide(Growing& column, std::size_t number, std::string_view text);
  void decide_as(Growing& column, ColumnKind kind, std::string_view text);
  void add_number(Growing& column, std::size_t number, std::string_view text);
  void add_time(Growing& column, std::size_t number, std::string_view text);
  void add_text(Growing& column, std::size_t number, std::string_view text);
  void check_names(const std::vector<std::string>& names, const std::vector<std::string>& wanted) const;
  std::string first_place(const Growing& column) const;

  const TableOptions& options_;
  const CellPlaces& places_;
  Table table_;
  std::vector<int> targets_;  // of each cell of a row: its column, or −1
  std::vector<Growing> columns_;
  std::size_t given_ = 0;           // cells of the row so far
  bool number_is_missing_ = false;  // a number may stand for a missing value
};

/// Adds a missing value to a column.
void append_missing(Column& column);

}  // namespace unroll::detail
