#include "unroll/data/text_stream.hpp"

#include <algorithm>
#include <filesystem>

#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"

namespace unroll {
namespace {

constexpr std::size_t piece_bytes = 1 << 20;

/// Whether a fault at the end of a piece may be none when the rest of the text has come.
bool may_go_on(const Utf8Fault& fault) { return fault.reason == code_point_at("\xC3", 0).fault; }

}  // namespace

struct TextSource::File {
  explicit File(const std::string& path) : input(path) {}
  io::InputFile input;
};

TextSource TextSource::of_file(const std::string& path) {
  TextSource source;
  source.name_ = path;
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    source.file_ = std::make_shared<File>(path);
  } else {
    source.kept_ = std::make_shared<std::string>(read_bytes(path));
    source.bytes_ = *source.kept_;
  }
  return source;
}

TextSource TextSource::of_bytes(std::string_view bytes, std::string name) {
  TextSource source;
  source.name_ = std::move(name), source.bytes_ = bytes;
  return source;
}

std::uint64_t TextSource::size() const { return file_ ? file_->input.size() : bytes_.size(); }

std::string_view TextSource::read(std::uint64_t offset, std::size_t count, std::string& buffer) const {
  const std::uint64_t left = size() - std::min(offset, size());
  count = static_cast<std::size_t>(std::min<std::uint64_t>(count, left));
  if (!file_) return bytes_.substr(static_cast<std::size_t>(size() - left), count);
  buffer.resize(count);
  file_->input.read_at(offset, std::as_writable_bytes(std::span(buffer)));
  return buffer;
}

std::optional<Utf8Fault> TextSource::find_fault(const std::function<void(std::uint64_t)>& reached) const {
  std::string buffer, held;
  std::size_t lines = 0;
  std::uint64_t begin = 0;  // of what is held
  for (std::uint64_t at = 0; at < size();) {
    const std::string_view raw = read(at, piece_bytes, buffer);
    at += raw.size();
    if (reached) reached(at);
    std::string joined;
    std::string_view text = raw;
    if (!held.empty()) text = joined = held.append(raw);
    auto fault = find_utf8_fault(text);
    if (fault && (at == size() || !may_go_on(*fault))) {
      fault->offset += static_cast<std::size_t>(begin), fault->line += lines;
      return fault;
    }
    const std::size_t sound = fault ? fault->offset : text.size();
    lines += static_cast<std::size_t>(
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(sound), '\n'));
    begin += sound;
    held = text.substr(sound);
  }
  return {};
}

TextStream::TextStream(const TextSource& source, std::optional<Encoding> encoding, Normalisation form)
    : source_(&source),
      encoding_(encoding.value_or(Encoding::utf8)),
      decoder_(encoding_, source.name()),
      normaliser_(form) {
  if (encoding) return;
  const auto fault = source.find_fault();
  if (!fault) return;
  encoding_ = Encoding::bytes, decoder_ = TextDecoder(encoding_, source.name());
  first_notes_.push_back(note_of_bytes(*fault, source.read(0, 2, buffer_), source.name()));
}

std::string TextStream::next() {
  while (!ended_) {
    const std::string_view raw = source_->read(position_, piece_bytes, buffer_);
    position_ += raw.size();
    ended_ = position_ == source_->size();
    std::string characters = decoder_.decode(raw, ended_);
    // Bytes stand for themselves, whatever they look like.
    if (encoding_ == Encoding::utf8) characters = normaliser_.add(std::move(characters), ended_);
    if (!characters.empty()) return characters;
  }
  return {};
}

std::vector<std::string> TextStream::notes() const {
  auto notes = first_notes_;
  for (auto& note : decoder_.notes()) notes.push_back(std::move(note));
  return notes;
}

}  // namespace unroll
