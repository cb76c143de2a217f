#include "common/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "unroll/autograd/error.hpp"
#include "unroll/data/text.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::program {
namespace {

constexpr std::string_view blanks = " \t\r";

/// Reads one line from left to right.
class ConfigLine {
 public:
  ConfigLine(std::string_view text, const std::string& file, std::int64_t number)
      : text_(text), file_(file), number_(number) {}

  std::string place() const { return fmt::format("{}:{}:{}", file_, number_, at_ + 1); }
  [[noreturn]] void refuse(const std::string& what) const { raise<DataError>("{}: {}", place(), what); }

  void skip_blanks() { at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size()); }
  /// Whether nothing is left but a comment.
  bool at_end() {
    skip_blanks();
    return at_ == text_.size() || text_[at_] == '#';
  }
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string name() {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    const std::size_t end = std::min(text_.find_first_not_of(allowed, at_), text_.size());
    if (end == at_) refuse("need `name = value`, with the name of an option");
    const std::string name(text_.substr(at_, end - at_));
    at_ = end;
    return name;
  }
  std::vector<std::string> values() {
    if (!take('[')) return {value("#")};
    std::vector<std::string> all;
    while (!take(']')) {
      if (!all.empty() && !take(',')) refuse("need a comma or ] in the list");
      if (take(']')) return all;  // after a last comma
      all.push_back(value(",]#"));
    }
    return all;
  }

 private:
  std::string value(std::string_view ends) {
    if (at_end()) refuse("need a value");
    if (text_[at_] == '"' || text_[at_] == '\'') return quoted(text_[at_]);
    const std::size_t end = std::min(text_.find_first_of(ends, at_), text_.size());
    std::string_view plain = text_.substr(at_, end - at_);
    plain = plain.substr(0, plain.find_last_not_of(blanks) + 1);
    if (plain.empty()) refuse("need a value");
    at_ = end;
    return std::string(plain);
  }
  std::string quoted(char quote) {
    std::string result;
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && text_[at_] == '\\')
        result += escaped();
      else
        result += text_[at_];
      ++at_;
    }
    if (at_ == text_.size()) at_ = begin, refuse(fmt::format("the text has no {} at its end", quote));
    ++at_;
    return result;
  }
  char escaped() {
    ++at_;
    const char c = at_ < text_.size() ? text_[at_] : ' ';
    if (c == '"' || c == '\\') return c;
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    refuse(R"(after \ need one of " \ n t)");
  }

  std::string_view text_;
  const std::string& file_;
  std::int64_t number_;
  std::size_t at_ = 0;
};

bool is_section(std::string_view line) {
  const auto first = line.find_first_not_of(blanks), last = line.find_last_not_of(blanks);
  return first != line.npos && line[first] == '[' && line[last] == ']';
}

}  // namespace

std::vector<ConfigEntry> parse_config(std::string_view text, const std::string& name) {
  std::vector<ConfigEntry> entries;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    ConfigLine line(text.substr(0, end), name, number);
    const bool nothing = is_section(text.substr(0, end)) || line.at_end();
    text.remove_prefix(std::min(end + 1, text.size()));
    if (nothing) continue;
    ConfigEntry entry{.name = {}, .values = {}, .place = line.place()};
    entry.name = line.name();
    for (const auto& other : entries)
      if (other.name == entry.name)
        raise<DataError>("{}: {} stands at {} already", entry.place, entry.name, other.place);
    if (!line.take('=')) line.refuse(fmt::format("need = after {}", entry.name));
    entry.values = line.values();
    if (!line.at_end()) line.refuse("need the end of the line, or # and a comment");
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ConfigEntry> read_config(const std::string& path) {
  std::string text = read_bytes(path);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  if (const auto fault = find_utf8_fault(text)) raise<DataError>("{}", describe(*fault, path));
  return parse_config(text, path);
}

}  // namespace unroll::program
