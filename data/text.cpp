#include "unroll/data/text.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "unroll/autograd/error.hpp"
#include "unroll/data/text_stream.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/plain_text.hpp"

namespace unroll {
namespace {

bool looks_like_utf16(std::string_view raw) {
  return raw.size() >= 2 && (raw.substr(0, 2) == "\xFF\xFE" || raw.substr(0, 2) == "\xFE\xFF");
}

}  // namespace

std::string_view name_of(Encoding encoding) { return encoding == Encoding::utf8 ? "utf8" : "bytes"; }

Encoding encoding_named(std::string_view name) {
  if (name == "utf8") return Encoding::utf8;
  if (name == "bytes") return Encoding::bytes;
  raise<DataError>("encoding: need 'utf8' or 'bytes'; got '{}'", printable(name));
}

std::string detail::note_of_bytes(const Utf8Fault& fault, std::string_view begin, std::string_view name) {
  const auto hint = looks_like_utf16(begin) ? " (it begins like UTF-16: iconv -f UTF-16 -t UTF-8)" : "";
  return fmt::format("{}; the text is handled as bytes{}", describe(fault, name), hint);
}

Text decode_text(std::string_view raw, std::string_view name, std::optional<Encoding> encoding) {
  const auto fault = encoding ? std::nullopt : find_utf8_fault(raw);
  const Encoding used = fault ? Encoding::bytes : encoding.value_or(Encoding::utf8);
  TextDecoder decoder(used, name);
  std::string characters = decoder.decode(raw, true);
  Text text{std::move(characters), used, decoder.notes()};
  if (fault) text.notes.push_back(detail::note_of_bytes(*fault, raw, name));
  return text;
}

std::string encode_text(std::string_view characters, Encoding encoding) {
  if (encoding == Encoding::utf8) return std::string(characters);
  std::string raw;
  for (std::size_t offset = 0; offset < characters.size();) {
    const CodePoint point = code_point_at(characters, offset);
    if (!point.fault.empty() || point.value > 0xFF)
      raise<DataError>("encode_text: {} is no byte", quote_symbol(characters.substr(offset, point.length)));
    raw += static_cast<char>(point.value);
    offset += point.length;
  }
  return raw;
}

std::string read_bytes(const std::string& path) {
  const auto refuse = [&] { raise<DataError>("{}: {}", path, std::strerror(errno)); };
  std::FILE* opened = std::fopen(path.c_str(), "rb");  // of a pipe it waits for the writer
  while (!opened && errno == EINTR) opened = std::fopen(path.c_str(), "rb");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(opened, &std::fclose);
  if (!file) refuse();
  std::string bytes;
  std::array<char, 1 << 16> block;
  for (;;) {
    errno = 0;
    const std::size_t n = std::fread(block.data(), 1, block.size(), file.get());
    bytes.append(block.data(), n);
    if (std::feof(file.get())) return bytes;
    if (!std::ferror(file.get())) continue;
    if (errno != EINTR) refuse();
    std::clearerr(file.get());
  }
}

}  // namespace unroll
