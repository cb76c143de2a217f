#include "unroll/report/log_lines.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "unroll/io/atomic_file.hpp"

namespace unroll::report {
namespace {

constexpr std::size_t longest_line = 1 << 20;
constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

/// Takes the members of the outermost object; what is deeper is passed over.
class LineHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit LineHandler(LogEntry& line) : line_(line) {}

  bool null() override { return number(no_number); }
  bool boolean(bool value) override {
    if (depth_ == 1) line_.flags.emplace_back(key_, value);
    return depth_ > 0;
  }
  bool number_integer(std::int64_t value) override { return whole(value); }
  bool number_unsigned(std::uint64_t value) override {
    if (value <= INT64_MAX) return whole(static_cast<std::int64_t>(value));
    return number(static_cast<double>(value));
  }
  bool number_float(double value, const std::string&) override { return number(value); }
  bool string(std::string& value) override {
    if (depth_ == 1) line_.texts.emplace_back(key_, std::move(value));
    return depth_ > 0;
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return ++depth_ <= deepest; }
  bool key(std::string& value) override {
    if (depth_ == 1) key_.swap(value);
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return depth_ > 0 && ++depth_ <= deepest; }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  static constexpr int deepest = 64;
  bool whole(std::int64_t value) {
    if (depth_ == 1 && key_ == "step" && value >= 0) return line_.step = value, true;
    return number(static_cast<double>(value));
  }
  bool number(double value) {
    if (depth_ == 1) line_.numbers.emplace_back(key_, value);
    return depth_ > 0;
  }

  LogEntry& line_;
  std::string key_;
  int depth_ = 0;
};

/// Whether the line holds an object; it is taken apart then.
bool take_apart(std::string_view text, LogEntry& line) {
  line.step = -1;
  line.numbers.clear(), line.texts.clear(), line.flags.clear();
  line.text = text;
  if (text.size() > longest_line) return false;
  LineHandler handler(line);
  return nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
}

}  // namespace

double LogEntry::number_of(std::string_view key) const {
  for (const auto& [name, value] : numbers)
    if (name == key) return value;
  return no_number;
}

bool LogEntry::has(std::string_view key) const {
  return std::ranges::any_of(numbers, [&](const auto& entry) { return entry.first == key; });
}

LogLines for_each_log_line(const std::string& path, const std::function<void(const LogEntry&)>& visit) {
  const io::InputFile file(path);
  LogLines met;
  LogEntry line;
  const auto whole = [&](std::string_view text) {
    line.number = ++met.lines;
    if (take_apart(text, line)) return visit(line);
    if (met.foreign++ == 0) met.first_foreign = met.lines;
  };
  std::string block(1 << 18, '\0'), begun;  // the beginning of a line that goes on in the next block
  for (std::uint64_t at = 0; at < file.size();) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file.size() - at));
    file.read_at(at, std::as_writable_bytes(std::span(block).first(count)));
    at += count;
    std::string_view rest(block.data(), count);
    for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
      if (begun.empty()) {
        whole(rest.substr(0, end));
        continue;
      }
      if (begun.size() <= longest_line) begun += rest.substr(0, end);
      whole(begun);
      begun.clear();
    }
    if (begun.size() <= longest_line) begun += rest;  // of one that is longer, enough to know it
  }
  met.unfinished = !begun.empty();
  return met;
}

}  // namespace unroll::report
