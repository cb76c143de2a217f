#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>

#include "unroll/data/lines.hpp"
#include "unroll/data/table.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/byte_window.hpp"
#include "unroll/detail/data/numbers.hpp"
#include "unroll/detail/data/table_builder.hpp"

namespace unroll {
namespace {

constexpr std::size_t longest_record = std::size_t{1} << 24;

/// The records of a CSV text, one at a time: cells without their quotes.
class CsvRecords {
 public:
  CsvRecords(detail::ByteWindow window, std::string file, const TableOptions& options)
      : window_(std::move(window)), file_(std::move(file)), options_(options) {}

  /// Goes on to the next record that is not a blank line. False at the end.
  bool next();
  const std::vector<std::string_view>& cells() const { return cells_; }
  /// The line in which the record begins.
  std::size_t line() const { return line_; }
  /// Blank lines before this record.
  std::size_t blank_lines() const { return blank_lines_; }
  /// `file:line:column` of a cell, or of the record.
  std::string place_of(std::size_t cell) const {
    return place_at(cell < starts_.size() ? starts_[cell] : record_);
  }
  /// Takes the byte order mark and finds the delimiter.
  void open();

 private:
  enum class Part { cell, record, cut };  // what has ended; or the window did

  void next_record();
  bool split();
  Part plain_cell(const char*& at);
  Part quoted_cell(const char*& at);
  Part after_cell(const char*& at);
  std::string place_at(const char* where) const;
  bool at_end();
  bool blank() const {
    return cells_.size() == 1 && starts_[0] == record_ && is_blank(cells_[0]) && !quoted_;
  }
  void find_delimiter();

  detail::ByteWindow window_;
  std::string file_;
  const TableOptions& options_;
  char delimiter_ = ',';
  bool last_ = false;  // the window holds the end of the text
  bool quoted_ = false;
  const char* record_ = nullptr;
  std::size_t line_ = 1, lines_ = 0, blank_lines_ = 0;  // of the record; that it takes
  std::vector<std::string_view> cells_;
  std::vector<const char*> starts_;
  std::deque<std::string> unquoted_;  // cells that had quotes within
};

std::string CsvRecords::place_at(const char* where) const {
  const std::string_view before(record_, static_cast<std::size_t>(where - record_));
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const auto line_begin = lines ? before.rfind('\n') + 1 : 0;
  const auto column = std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(),
                                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return fmt::format("{}:{}:{}", file_, line_ + lines, column + 1);
}

void CsvRecords::open() {
  while (window_.end() - window_.begin() < 4096 && window_.more()) {
  }
  const std::string_view text(window_.begin(), static_cast<std::size_t>(window_.end() - window_.begin()));
  if (text.empty()) raise<DataError>("{}: the file is empty", file_);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    raise<DataError>("{}: it begins like UTF-16; need UTF-8 (iconv -f UTF-16 -t UTF-8)", file_);
  if (text.starts_with("\xEF\xBB\xBF")) window_.consume_to(window_.begin() + 3);
  if (options_.delimiter)
    delimiter_ = options_.delimiter;
  else
    find_delimiter();
}

void CsvRecords::find_delimiter() {
  constexpr std::string_view candidates = ",;\t|";
  std::array<int, 4> counts{};
  bool quoted = false;
  for (const char* at = window_.begin(); at != window_.end() && (quoted || *at != '\n'); ++at) {
    if (*at == '"') quoted = !quoted;
    const auto which = candidates.find(*at);
    if (!quoted && which != std::string_view::npos && !(*at == ',' && options_.decimal == ','))
      ++counts[which];
  }
  const auto most = std::max_element(counts.begin(), counts.end());
  if (*most > 0)
    delimiter_ = candidates[static_cast<std::size_t>(most - counts.begin())];
  else if (options_.decimal == ',')
    delimiter_ = ';';
}

bool CsvRecords::at_end() {
  if (window_.begin() != window_.end()) return false;
  return last_ || (last_ = !window_.more());
}

bool CsvRecords::next() {
  for (blank_lines_ = 0; !at_end(); ++blank_lines_) {
    next_record();
    if (!blank()) return true;
  }
  return false;
}

void CsvRecords::next_record() {
  line_ += lines_;
  while (!split()) {
    if (static_cast<std::size_t>(window_.end() - window_.begin()) > longest_record)
      raise<DataError>("{}: the row goes on for more than 16 MB; is a quote not closed?",
                       place_of(cells_.size()));
    last_ = last_ || !window_.more();
  }
}

/// Splits the record at the beginning of the window. False if the window ends before it does, and is not the last.
bool CsvRecords::split() {
  record_ = window_.begin();
  cells_.clear(), starts_.clear(), unquoted_.clear();
  lines_ = 0, quoted_ = false;
  const char* at = record_;
  for (Part part = Part::cell; part != Part::record;) {
    starts_.push_back(at);
    part = at != window_.end() && *at == '"' ? quoted_cell(at) : plain_cell(at);
    if (part == Part::cut) return false;
  }
  window_.consume_to(at);
  return true;
}

CsvRecords::Part CsvRecords::plain_cell(const char*& at) {
  const char *const begin = at, *const end = window_.end(), *stop = begin;
  const char delimiter = delimiter_;
  while (stop != end && *stop != delimiter && *stop != '\n') ++stop;
  at = stop;
  if (at == end && !last_) return Part::cut;
  if (stop != begin && stop[-1] == '\r' && (at == end || *at == '\n')) --stop;
  cells_.emplace_back(begin, static_cast<std::size_t>(stop - begin));
  return after_cell(at);
}

CsvRecords::Part CsvRecords::quoted_cell(const char*& at) {
  const char *begin = ++at, *const end = window_.end();
  std::string* joined = nullptr;
  quoted_ = true;
  for (;;) {
    at = std::find(at, end, '"');
    if (at == end && last_) raise<DataError>("{}: the quote is not closed", place_at(starts_.back()));
    if (at == end || (at + 1 == end && !last_)) return Part::cut;
    if (at + 1 == end || at[1] != '"') break;
    joined = joined ? joined : &unquoted_.emplace_back();
    joined->append(begin, at + 1);
    begin = at += 2;
  }
  if (joined) joined->append(begin, at);
  cells_.push_back(joined ? std::string_view(*joined)
                          : std::string_view(begin, static_cast<std::size_t>(at - begin)));
  lines_ += static_cast<std::size_t>(std::count(starts_.back(), at, '\n'));
  ++at;
  if (at != end && *at == '\r') {
    if (at + 1 == end && !last_) return Part::cut;
    if (at + 1 == end || at[1] == '\n') ++at;
  }
  if (at != end && *at != delimiter_ && *at != '\n')
    raise<DataError>(
        "{}: need the end of the cell after its closing quote; a quote within it is written twice",
        place_at(at));
  return after_cell(at);
}

CsvRecords::Part CsvRecords::after_cell(const char*& at) {
  if (at != window_.end() && *at++ == delimiter_) return Part::cell;
  ++lines_;
  return Part::record;
}

/// Puts records into a table.
class CsvTable : detail::CellPlaces {
 public:
  CsvTable(detail::ByteWindow window, const std::string& file, const TableOptions& options)
      : records_(std::move(window), file, options),
        builder_(file, options, *this),
        file_(file),
        options_(options) {}

  Table read();

 private:
  std::string place_of_cell(std::size_t number) const override { return records_.place_of(number); }
  bool is_header() const;
  std::vector<std::string> names(bool header) const;
  void add_record();
  std::string_view with_point(std::string_view cell);

  CsvRecords records_;
  detail::TableBuilder builder_;
  const std::string& file_;
  const TableOptions& options_;
  std::string number_;
};

bool CsvTable::is_header() const {
  if (options_.header != TableOptions::Header::automatic)
    return options_.header == TableOptions::Header::present;
  bool name = false;
  for (const std::string_view cell : records_.cells()) {
    const std::string_view word = trimmed(cell);
    if (word.empty()) continue;
    std::string number(word);
    if (options_.decimal == ',') std::replace(number.begin(), number.end(), ',', '.');
    if (detail::number_in(number) || read_time(word).problem.empty() || builder_.means_missing(word))
      return false;
    name = true;
  }
  return name;
}

std::vector<std::string> CsvTable::names(bool header) const {
  std::vector<std::string> names;
  for (const std::string_view cell : records_.cells()) {
    const std::string_view name = trimmed(cell);
    if (header && find_utf8_fault(name))
      raise<DataError>("{}: '{}' is not UTF-8", records_.place_of(names.size()), printable(name));
    names.push_back(header && !name.empty() ? std::string(name) : std::to_string(names.size() + 1));
  }
  return names;
}

std::string_view CsvTable::with_point(std::string_view cell) {
  if (options_.decimal == '.' || cell.find(',') == std::string_view::npos) return cell;
  number_ = trimmed(cell);
  std::replace(number_.begin(), number_.end(), ',', '.');
  return detail::number_in(number_) ? std::string_view(number_) : cell;
}

void CsvTable::add_record() {
  const auto& cells = records_.cells();
  if (cells.size() != builder_.cells())
    raise<DataError>("{}: need {} cells, as in the first line; got {}",
                     records_.place_of(std::min(cells.size() - 1, builder_.cells())), builder_.cells(),
                     cells.size());
  for (std::size_t k = 0; k < cells.size(); ++k)
    builder_.cell(k, options_.decimal == '.' ? cells[k] : with_point(cells[k]));
  builder_.end_row(records_.line());
}

Table CsvTable::read() {
  records_.open();
  if (!records_.next()) raise<DataError>("{}: nothing but blank lines", file_);
  const bool header = is_header();
  builder_.name_columns(names(header));
  if (!header) add_record();
  while (records_.next()) {
    if (builder_.cells() == 1)  // there a blank line is a row
      for (std::size_t k = records_.blank_lines(); k > 0; --k) builder_.end_row(records_.line() - k);
    add_record();
  }
  if (builder_.rows() == 0) raise<DataError>("{}: nothing but a line of names", file_);
  return builder_.finish();
}

void check_csv_options(const TableOptions& options) {
  constexpr std::string_view never = "\"\r\n.+-0123456789";
  if (options.decimal != '.' && options.decimal != ',')
    raise<UsageError>("read_csv: decimal must be '.' or ','; got '{}'", printable({&options.decimal, 1}));
  if (options.delimiter &&
      (never.find(options.delimiter) != std::string_view::npos || options.delimiter == options.decimal))
    raise<UsageError>("read_csv: '{}' cannot be the delimiter", printable({&options.delimiter, 1}));
}

}  // namespace

Table read_csv(const std::string& path, const TableOptions& options) {
  check_csv_options(options);
  return CsvTable(detail::ByteWindow(path), path, options).read();
}

Table parse_csv(std::string_view text, std::string name, const TableOptions& options) {
  check_csv_options(options);
  return CsvTable(detail::ByteWindow::of_text(text), name, options).read();
}

}  // namespace unroll
