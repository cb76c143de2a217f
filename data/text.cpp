#include "unroll/data/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/plain_text.hpp"

namespace unroll {
namespace {

bool looks_like_utf16(std::string_view raw) {
  return raw.size() >= 2 && (raw.substr(0, 2) == "\xFF\xFE" || raw.substr(0, 2) == "\xFE\xFF");
}

constexpr char32_t byte_order_mark = 0xFEFF;

/// Whether a fault at the end of a piece may be none when the rest of the text has come.
bool is_cut_off(const CodePoint& point) { return point.fault == code_point_at("\xC3", 0).fault; }

void append_widened(std::string& characters, std::string_view raw) {
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      characters += c;
    } else {
      characters += static_cast<char>(0xC0 | (byte >> 6));
      characters += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
}

}  // namespace

std::string TextDecoder::decode(std::string_view raw, bool last) {
  std::string characters;
  characters.reserve(raw.size() + raw.size() / 4);
  if (encoding_ == Encoding::bytes) {
    append_widened(characters, raw);
    return characters;
  }
  if (held_.empty()) {
    decode_utf8(raw, last, characters);
  } else {
    std::string text = std::move(held_);
    held_.clear();
    decode_utf8(text += raw, last, characters);
  }
  return characters;
}

void TextDecoder::decode_utf8(std::string_view text, bool last, std::string& characters) {
  std::size_t at = 0;
  const auto lines_before = [&] {
    return static_cast<std::size_t>(
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
  };
  while (at < text.size()) {
    const std::size_t plain = detail::plain_length(text.substr(at), '\r');
    characters += text.substr(at, plain);
    if ((at += plain) == text.size()) break;
    if (text[at] == '\r') {
      if (at + 1 == text.size() && !last) break;
      if (at + 1 < text.size() && text[at + 1] == '\n')
        ++returns_;
      else
        characters += '\r';
      ++at;
      continue;
    }
    const CodePoint point = code_point_at(text, at);
    if (!point.fault.empty()) {
      if (!last && is_cut_off(point)) break;
      if (faults_++ == 0)
        first_fault_ = Utf8Fault{offset_ + at, lines_ + lines_before() + 1,
                                 static_cast<unsigned char>(text[at]), point.fault};
    }
    if (point.value == byte_order_mark && offset_ + at == 0)
      mark_ = true;
    else if (point.fault.empty())
      characters += text.substr(at, point.length);
    else
      append_utf8(characters, point.value);
    at += point.length;
  }
  if (!first_fault_) lines_ += lines_before();
  offset_ += at;
  held_ = text.substr(at);
}

std::vector<std::string> TextDecoder::notes() const {
  std::vector<std::string> notes;
  if (first_fault_)
    notes.push_back(
        fmt::format("{}; {} such bytes are taken for U+FFFD", describe(*first_fault_, name_), faults_));
  if (mark_) notes.push_back(fmt::format("{}: the byte order mark at the beginning is left out", name_));
  if (returns_ > 0) notes.push_back(fmt::format("{}: {} line ends CR LF are read as LF", name_, returns_));
  return notes;
}

std::string_view name_of(Encoding encoding) { return encoding == Encoding::utf8 ? "utf8" : "bytes"; }

Encoding encoding_named(std::string_view name) {
  if (name == "utf8") return Encoding::utf8;
  if (name == "bytes") return Encoding::bytes;
  raise<DataError>("encoding: need 'utf8' or 'bytes'; got '{}'", printable(name));
}

std::string note_of_bytes(const Utf8Fault& fault, std::string_view begin, std::string_view name) {
  const auto hint = looks_like_utf16(begin) ? " (it begins like UTF-16: iconv -f UTF-16 -t UTF-8)" : "";
  return fmt::format("{}; the text is handled as bytes{}", describe(fault, name), hint);
}

Text decode_text(std::string_view raw, std::string_view name, std::optional<Encoding> encoding) {
  const auto fault = encoding ? std::nullopt : find_utf8_fault(raw);
  const Encoding used = fault ? Encoding::bytes : encoding.value_or(Encoding::utf8);
  TextDecoder decoder(used, name);
  std::string characters = decoder.decode(raw, true);
  Text text{std::move(characters), used, decoder.notes()};
  if (fault) text.notes.push_back(note_of_bytes(*fault, raw, name));
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
