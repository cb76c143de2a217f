#include "unroll/data/text.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

std::string widen(std::string_view raw) {
  std::string characters;
  characters.reserve(raw.size() + raw.size() / 4);
  for (const char c : raw) append_utf8(characters, static_cast<unsigned char>(c));
  return characters;
}

bool looks_like_utf16(std::string_view raw) {
  return raw.size() >= 2 && (raw.substr(0, 2) == "\xFF\xFE" || raw.substr(0, 2) == "\xFE\xFF");
}

/// Replaces what is not UTF-8 by U+FFFD and returns how many bytes that were.
std::size_t replace_faults(std::string& text) {
  std::size_t faults = 0;
  std::string sound;
  for (std::size_t offset = 0; offset < text.size();) {
    const CodePoint point = code_point_at(text, offset);
    faults += !point.fault.empty();
    append_utf8(sound, point.value);
    offset += point.length;
  }
  text = std::move(sound);
  return faults;
}

std::size_t drop_carriage_returns(std::string& text) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!(text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n')) text[kept++] = text[i];
  const std::size_t dropped = text.size() - kept;
  text.resize(kept);
  return dropped;
}

}  // namespace

std::string_view name_of(Encoding encoding) { return encoding == Encoding::utf8 ? "utf8" : "bytes"; }

Encoding encoding_named(std::string_view name) {
  if (name == "utf8") return Encoding::utf8;
  if (name == "bytes") return Encoding::bytes;
  raise<DataError>("encoding: need 'utf8' or 'bytes'; got '{}'", printable(name));
}

Text decode_text(std::string_view raw, std::string_view name, std::optional<Encoding> encoding) {
  if (encoding == Encoding::bytes) return {widen(raw), Encoding::bytes, {}};
  const auto fault = find_utf8_fault(raw);
  if (fault && !encoding) {
    const auto hint = looks_like_utf16(raw) ? " (it begins like UTF-16: iconv -f UTF-16 -t UTF-8)" : "";
    return {widen(raw),
            Encoding::bytes,
            {fmt::format("{}; the text is handled as bytes{}", describe(*fault, name), hint)}};
  }
  Text text{std::string(raw), Encoding::utf8, {}};
  if (fault)
    text.notes.push_back(fmt::format("{}; {} such bytes are taken for U+FFFD", describe(*fault, name),
                                     replace_faults(text.characters)));
  if (text.characters.starts_with("\xEF\xBB\xBF")) {
    text.characters.erase(0, 3);
    text.notes.push_back(fmt::format("{}: the byte order mark at the beginning is left out", name));
  }
  if (const auto dropped = drop_carriage_returns(text.characters))
    text.notes.push_back(fmt::format("{}: {} line ends CR LF are read as LF", name, dropped));
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
