#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "unroll/data/lines.hpp"
#include "unroll/data/table.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/byte_window.hpp"
#include "unroll/detail/data/table_builder.hpp"

namespace unroll {
namespace {

constexpr std::size_t longest_object = std::size_t{1} << 24;
constexpr std::size_t cells_of_any_file = std::size_t{1} << 20;

/// The bytes of a line, which tell how far they have been read.
class WatchedByte {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  WatchedByte(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  WatchedByte& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  WatchedByte operator++(int) {
    const WatchedByte before = *this;
    ++*this;
    return before;
  }
  bool operator==(const WatchedByte& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

/// A value of an object, and where it begins.
struct JsonField {
  enum class Kind { nothing, number, words };
  std::string key;
  Kind kind = Kind::nothing;
  double number = 0;
  std::string words = {};
  std::size_t at = 0;  // byte of the line
};

/// The fields of one object; called by nlohmann's parser.
class JsonObjectReader {
 public:
  JsonObjectReader(std::string_view line, std::string place) : line_(line), place_(std::move(place)) {}

  std::vector<JsonField> read() {
    const char* const end = line_.data() + line_.size();
    nlohmann::json::sax_parse(WatchedByte(line_.data(), &reached_), WatchedByte(end, &ignored_), this);
    return std::move(fields_);
  }

  bool null() { return put({}, JsonField::Kind::nothing); }
  bool boolean(bool x) { return put(x, JsonField::Kind::number); }
  bool number_integer(std::int64_t x) { return put(static_cast<double>(x), JsonField::Kind::number); }
  bool number_unsigned(std::uint64_t x) { return put(static_cast<double>(x), JsonField::Kind::number); }
  bool number_float(double x, const std::string&) { return put(x, JsonField::Kind::number); }
  bool string(std::string& x) {
    put({}, JsonField::Kind::words);
    fields_.back().words = std::move(x);
    return true;
  }
  bool binary(std::vector<std::uint8_t>&) { return false; }
  bool start_object(std::size_t) {
    if (in_object_) refuse(fields_.back().at, "need a number, text or null; got an object");
    return in_object_ = true;
  }
  bool key(std::string& name) {
    std::size_t at = reached();
    at = std::min(line_.find_first_not_of(" \t", at), line_.size());
    if (at < line_.size() && line_[at] == ':')
      at = std::min(line_.find_first_not_of(" \t", at + 1), line_.size());
    fields_.push_back({.key = std::move(name), .at = at});
    return true;
  }
  bool end_object() { return true; }
  bool start_array(std::size_t) {
    need_object();
    refuse(fields_.back().at, "need a number, text or null; got an array");
  }
  bool end_array() { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    if (error.id == 406)
      refuse(fields_.empty() ? 0 : fields_.back().at, "need a finite number; got one that is too large");
    refuse(position > 0 ? position - 1 : 0, "it is no JSON");
  }

 private:
  std::size_t reached() const { return reached_ ? static_cast<std::size_t>(reached_ - line_.data()) : 0; }
  [[noreturn]] void refuse(std::size_t at, std::string_view what) const {
    raise<DataError>("{}:{}: {}", place_, at + 1, what);
  }
  void need_object() const {
    if (!in_object_)
      refuse(line_.find_first_not_of(" \t"),
             "need an object, such as {\"time\": \"1949-01\", \"value\": 112}");
  }
  bool put(double number, JsonField::Kind kind) {
    need_object();
    fields_.back().kind = kind;
    fields_.back().number = number;
    return true;
  }

  std::string_view line_;
  std::string place_;
  const char *reached_ = nullptr, *ignored_ = nullptr;
  bool in_object_ = false;
  std::vector<JsonField> fields_;
};

/// Objects as the rows of a table.
class JsonLinesTable : detail::CellPlaces {
 public:
  JsonLinesTable(detail::ByteWindow window, const std::string& file, const TableOptions& options)
      : window_(std::move(window)), file_(file), builder_(file, options, *this) {}

  Table read();

 private:
  std::string place_of_cell(std::size_t number) const override {
    for (const JsonField& field : fields_)
      if (const auto cell = cells_.find(field.key); cell != cells_.end() && cell->second == number)
        return place_of(field);
    return fmt::format("{}:{}", file_, line_number_);
  }
  std::string place_of(const JsonField& field) const {
    return fmt::format("{}:{}:{}", file_, line_number_, field.at + 1);
  }
  bool next_line(std::string_view& line);
  void name_columns();
  void add_row();
  void check_size() const;

  detail::ByteWindow window_;
  const std::string& file_;
  detail::TableBuilder builder_;
  bool last_ = false;
  std::size_t line_number_ = 0, bytes_ = 0;
  std::vector<JsonField> fields_;
  std::unordered_map<std::string, std::size_t> cells_;
  std::vector<std::size_t> row_of_;  // of each cell: the row that had it last, from 1
};

bool JsonLinesTable::next_line(std::string_view& line) {
  for (;;) {
    const char* const end = std::find(window_.begin(), window_.end(), '\n');
    if (end != window_.end() || (last_ && end != window_.begin())) {
      ++line_number_;
      line = {window_.begin(), static_cast<std::size_t>(end - window_.begin())};
      bytes_ += line.size() + 1;
      window_.consume_to(end + (end != window_.end()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line_number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
      return true;
    }
    if (last_) return false;
    if (static_cast<std::size_t>(window_.end() - window_.begin()) > longest_object)
      raise<DataError>("{}:{}: the line has more than 16 MB", file_, line_number_ + 1);
    last_ = !window_.more();
  }
}

void JsonLinesTable::name_columns() {
  std::vector<std::string> names;
  for (const JsonField& field : fields_) {
    if (!cells_.emplace(field.key, names.size()).second) continue;
    names.push_back(field.key);
  }
  builder_.name_columns(names);
  row_of_.resize(names.size(), 0);
}

/// A file may leave out most keys of most lines; more numbers than it has bytes come of no honest one.
void JsonLinesTable::check_size() const {
  const std::size_t cells = builder_.cells() * (builder_.rows() + 1);
  if (cells > cells_of_any_file && cells > bytes_)
    raise<DataError>(
        "{}:{}: most keys are missing: {} rows of {} columns would be more numbers than the file has bytes",
        file_, line_number_, builder_.rows() + 1, builder_.cells());
}

void JsonLinesTable::add_row() {
  check_size();
  const std::size_t row = builder_.rows() + 1;
  for (const JsonField& field : fields_) {
    const auto cell = cells_.find(field.key);
    if (cell == cells_.end())
      raise<DataError>("{}: the first line has no key '{}'", place_of(field), printable(field.key));
    if (std::exchange(row_of_[cell->second], row) == row)
      raise<DataError>("{}: the key '{}' is there twice", place_of(field), printable(field.key));
    switch (field.kind) {
      case JsonField::Kind::nothing:
        builder_.missing(cell->second);
        break;
      case JsonField::Kind::number:
        builder_.number(cell->second, field.number);
        break;
      case JsonField::Kind::words:
        builder_.words(cell->second, field.words);
        break;
    }
  }
  builder_.end_row(line_number_);
}

Table JsonLinesTable::read() {
  std::string_view line;
  bool named = false;
  while (next_line(line)) {
    if (is_blank(line)) continue;
    fields_ = JsonObjectReader(line, fmt::format("{}:{}", file_, line_number_)).read();
    if (!std::exchange(named, true)) name_columns();
    add_row();
  }
  if (!named) raise<DataError>("{}: {}", file_, bytes_ ? "nothing but blank lines" : "the file is empty");
  return builder_.finish();
}

}  // namespace

Table read_json_lines(const std::string& path, const TableOptions& options) {
  return JsonLinesTable(detail::ByteWindow(path), path, options).read();
}

Table parse_json_lines(std::string_view text, std::string name, const TableOptions& options) {
  return JsonLinesTable(detail::ByteWindow::of_text(text), name, options).read();
}

}  // namespace unroll
