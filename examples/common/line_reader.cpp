#include "common/line_reader.hpp"

#include <cerrno>
#include <cstring>
#include <istream>

#include "unroll/autograd/error.hpp"
#include "unroll/data/text.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::program {

LineReader::LineReader(std::istream& in, std::string name, std::function<void(const std::string&)> note)
    : in_(in), name_(std::move(name)), note_(std::move(note)) {}

std::optional<std::string> LineReader::next() {
  std::string line;
  if (!std::getline(in_, line)) return {};
  ++number_;
  if (number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  if (line.ends_with('\r')) line.pop_back();
  if (auto fault = find_utf8_fault(line)) {
    fault->line = static_cast<std::size_t>(number_);
    note_(describe(*fault, name_) + "; such bytes are taken for U+FFFD");
    line = decode_text(line, name_, Encoding::utf8).characters;
  }
  return line;
}

std::function<void(const std::string&)> note_to_stderr(std::string program) {
  return [program = std::move(program)](const std::string& note) {
    fmt::print(stderr, "{}: {}\n", program, note);
  };
}

void write_out(std::string_view text) {
  fmt::print("{}", text);
  if (std::fflush(stdout) != 0) raise<DataError>("standard output: {}", std::strerror(errno));
}

}  // namespace unroll::program
