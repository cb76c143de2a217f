#include "common/line_reader.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <istream>
#include <streambuf>
#include <system_error>

#include "common/command_line.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/data/text.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::program {

namespace {

/// Reads a descriptor. The streams of the library take an error for the end.
class DescriptorBuffer : public std::streambuf {
 public:
  DescriptorBuffer(int descriptor, const char* name) : descriptor_(descriptor), name_(name) {}

 protected:
  int_type underflow() override {
    ssize_t count = -1;
    do count = ::read(descriptor_, block_.data(), block_.size());
    while (count == -1 && errno == EINTR);
    if (count == -1) raise<DataError>("{}: {}", name_, std::strerror(errno));
    if (count == 0) return traits_type::eof();
    setg(block_.data(), block_.data(), block_.data() + count);
    return traits_type::to_int_type(block_[0]);
  }

 private:
  int descriptor_;
  const char* name_;
  std::array<char, 1 << 14> block_{};
};

}  // namespace

std::istream& standard_input() {
  static DescriptorBuffer buffer(STDIN_FILENO, "standard input");
  static std::istream stream(&buffer);
  stream.exceptions(std::ios::badbit);  // what the buffer throws is thrown on
  return stream;
}

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
  return [program = std::move(program)](const std::string& note) { complain(program, note); };
}

void write_out(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (std::fflush(stdout) != 0 || !written)
    throw std::system_error(errno, std::generic_category(), "standard output");
}

}  // namespace unroll::program
