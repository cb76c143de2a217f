#include "unroll/data/id_file.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/io/checksum.hpp"

namespace unroll {
namespace {

constexpr std::string_view id_magic = "unrollid";
constexpr std::uint32_t id_version = 1;
constexpr std::size_t id_header_bytes = 64, id_block_bytes = 1 << 20;
constexpr std::int64_t most_symbols = std::int64_t{1} << 32;

template <class Word>
void put(std::span<std::byte> header, std::size_t at, Word value) {
  for (std::size_t k = 0; k < sizeof(Word); ++k)
    header[at + k] = static_cast<std::byte>((value >> (8 * k)) & 0xFF);
}
template <class Word>
Word take(std::span<const std::byte> header, std::size_t at) {
  Word value = 0;
  for (std::size_t k = 0; k < sizeof(Word); ++k)
    value |= static_cast<Word>(std::to_integer<Word>(header[at + k]) << (8 * k));
  return value;
}

/// The first bytes of a file; see docs/file_formats.md.
struct IdHeader {
  std::uint32_t version = id_version, width = 1;
  std::uint64_t count = 0, symbols = 0, info_bytes = 0, checksum = 0;

  std::array<std::byte, id_header_bytes> bytes() const {
    std::array<std::byte, id_header_bytes> result{};
    std::memcpy(result.data(), id_magic.data(), id_magic.size());
    put(result, 8, version), put(result, 12, width);
    put(result, 16, count), put(result, 24, symbols), put(result, 32, info_bytes), put(result, 56, checksum);
    return result;
  }
  static IdHeader of(std::span<const std::byte> bytes) {
    return {.version = take<std::uint32_t>(bytes, 8),
            .width = take<std::uint32_t>(bytes, 12),
            .count = take<std::uint64_t>(bytes, 16),
            .symbols = take<std::uint64_t>(bytes, 24),
            .info_bytes = take<std::uint64_t>(bytes, 32),
            .checksum = take<std::uint64_t>(bytes, 56)};
  }
  /// The checksum of all that stands after the header, and of the header without its checksum.
  std::uint64_t finish(io::Checksum sum) const {
    const auto all = bytes();
    sum.update(std::span(all).first(56));
    return sum.value();
  }
};

bool has_id_magic(std::span<const std::byte> bytes) {
  return bytes.size() >= id_magic.size() && std::memcmp(bytes.data(), id_magic.data(), id_magic.size()) == 0;
}

template <std::size_t Width>
void pack_width(std::span<const std::int64_t> ids, std::byte* out) {
  for (const std::int64_t id : ids) {
    const auto value = static_cast<std::uint32_t>(id);
    std::memcpy(out, &value, Width);
    out += Width;
  }
}
void pack_ids(std::span<const std::int64_t> ids, int width, std::byte* out) {
  constexpr std::array packs{pack_width<1>, pack_width<2>, pack_width<3>, pack_width<4>};
  packs[static_cast<std::size_t>(width - 1)](ids, out);
}

template <std::size_t Width>
void unpack_width(const std::byte* from, std::span<std::int64_t> out) {
  for (std::int64_t& id : out) {
    std::uint32_t value = 0;
    std::memcpy(&value, from, Width);
    id = value, from += Width;
  }
}
void unpack_ids(const std::byte* from, int width, std::span<std::int64_t> out) {
  constexpr std::array unpacks{unpack_width<1>, unpack_width<2>, unpack_width<3>, unpack_width<4>};
  unpacks[static_cast<std::size_t>(width - 1)](from, out);
}

class PackedIds final : public IdSource {
 public:
  PackedIds(std::vector<std::byte> bytes, int width) : bytes_(std::move(bytes)), width_(width) {}
  void read(std::int64_t first, std::span<std::int64_t> out) const override {
    unpack_ids(bytes_.data() + first * width_, width_, out);
  }

 private:
  std::vector<std::byte> bytes_;
  int width_;
};

class FileIds final : public IdSource {
 public:
  explicit FileIds(const std::filesystem::path& path) : name_(path.string()), file_(path) {
    std::array<std::byte, id_header_bytes> bytes{};
    const auto begin = std::span(bytes).first(std::min<std::uint64_t>(file_.size(), bytes.size()));
    file_.read_at(0, begin);
    if (!has_id_magic(begin))
      raise<DataError>("{}: no file of ids: it does not begin with '{}'", name_, id_magic);
    if (begin.size() < bytes.size()) raise<DataError>("{}: it ends within its header", name_);
    header_ = IdHeader::of(bytes);
    check_header();
    if (header_.bytes() != bytes)
      raise<DataError>("{}: damaged: its header has bytes that mean nothing", name_);
  }

  const IdHeader& header() const { return header_; }
  void read(std::int64_t first, std::span<std::int64_t> out) const override {
    std::array<std::byte, 4096> block;
    const std::size_t most = block.size() / header_.width;
    for (; !out.empty(); first += static_cast<std::int64_t>(std::min(most, out.size())),
                         out = out.subspan(std::min(most, out.size()))) {
      const auto part = out.first(std::min(most, out.size()));
      const auto bytes = std::span(block).first(part.size() * header_.width);
      file_.read_at(id_header_bytes + static_cast<std::uint64_t>(first) * header_.width, bytes);
      unpack_ids(bytes.data(), static_cast<int>(header_.width), part);
      check_ids(part, "it was changed while it was read");
    }
  }
  /// Reads all of it.
  std::string check_content() const {
    io::Checksum sum;
    std::vector<std::byte> block;
    std::vector<std::int64_t> ids;
    const std::uint64_t whole = id_block_bytes / header_.width, end = header_.count * header_.width;
    for (std::uint64_t at = 0; at < end; at += block.size()) {
      block.resize(std::min(end - at, whole * header_.width));
      file_.read_at(id_header_bytes + at, block);
      sum.update(block);
      ids.resize(block.size() / header_.width);
      unpack_ids(block.data(), static_cast<int>(header_.width), ids);
      check_ids(ids, "damaged");
    }
    std::string info(header_.info_bytes, '\0');
    file_.read_at(id_header_bytes + end, std::as_writable_bytes(std::span(info)));
    sum.update(std::as_bytes(std::span(info)));
    if (header_.finish(sum) != header_.checksum)
      raise<DataError>("{}: damaged: its checksum is another", name_);
    return info;
  }

 private:
  void check_header() const {
    const auto& h = header_;
    if (h.version != id_version)
      raise<DataError>("{}: a file of ids of version {}; this program reads version {}", name_, h.version,
                       id_version);
    if (h.symbols < 1 || h.symbols > static_cast<std::uint64_t>(most_symbols) ||
        h.width != static_cast<std::uint32_t>(id_width(static_cast<std::int64_t>(h.symbols))))
      raise<DataError>("{}: damaged: {} symbols with {} bytes each", name_, h.symbols, h.width);
    const std::uint64_t rest = file_.size() - id_header_bytes;
    const bool fits = h.count <= rest / h.width && h.info_bytes <= rest - h.count * h.width;
    if (!fits)
      raise<DataError>("{}: cut off: it has {} bytes, fewer than {} ids of {} and {} more", name_,
                       file_.size(), h.count, h.width, h.info_bytes);
    if (const auto need = h.count * h.width + h.info_bytes; need != rest)
      raise<DataError>("{}: it has {} bytes after its end", name_, rest - need);
  }
  void check_ids(std::span<const std::int64_t> ids, std::string_view why) const {
    std::int64_t largest = 0;
    for (const std::int64_t id : ids) largest = std::max(largest, id);
    if (largest >= static_cast<std::int64_t>(header_.symbols))
      raise<DataError>("{}: {}: it has the number {} among those of {} symbols", name_, why, largest,
                       header_.symbols);
  }

  std::string name_;
  io::InputFile file_;
  IdHeader header_;
};

}  // namespace

int id_width(std::int64_t symbols) {
  if (symbols < 1 || symbols > most_symbols)
    raise<UsageError>("ids: need 1 to {} symbols; got {}", most_symbols, symbols);
  int width = 1;
  while (width < 4 && symbols > std::int64_t{1} << (8 * width)) ++width;
  return width;
}

struct IdWriter::File {
  explicit File(const std::filesystem::path& where) : path(where), out(where) {}
  std::filesystem::path path;
  io::OutputFile out;
  io::Checksum sum;
};

IdWriter::IdWriter(std::int64_t symbols) : symbols_(symbols), width_(id_width(symbols)) {}

IdWriter::IdWriter(std::int64_t symbols, const std::filesystem::path& path) : IdWriter(symbols) {
  file_ = std::make_unique<File>(path);
  file_->out.write(std::array<std::byte, id_header_bytes>{});
}

IdWriter::~IdWriter() = default;

void IdWriter::add(std::span<const std::int64_t> ids) {
  for (const std::int64_t id : ids)
    if (id < 0 || id >= symbols_) raise<IndexError>("ids: need a number in [0, {}); got {}", symbols_, id);
  const std::size_t before = bytes_.size();
  bytes_.resize(before + ids.size() * static_cast<std::size_t>(width_));
  pack_ids(ids, width_, bytes_.data() + before);
  count_ += std::ssize(ids);
  if (file_ && bytes_.size() >= id_block_bytes) flush();
}

void IdWriter::flush() {
  file_->sum.update(bytes_);
  file_->out.write(bytes_);
  bytes_.clear();
}

SymbolIds IdWriter::finish(std::string_view info) {
  if (!file_) {
    bytes_.shrink_to_fit();
    return {std::make_shared<PackedIds>(std::move(bytes_), width_), count_};
  }
  flush();
  file_->sum.update(std::as_bytes(std::span(info)));
  file_->out.write(std::as_bytes(std::span(info)));
  IdHeader header{.width = static_cast<std::uint32_t>(width_),
                  .count = static_cast<std::uint64_t>(count_),
                  .symbols = static_cast<std::uint64_t>(symbols_),
                  .info_bytes = info.size()};
  header.checksum = header.finish(file_->sum);
  file_->out.write_at(0, header.bytes());
  file_->out.commit();
  return {std::make_shared<FileIds>(file_->path), count_};
}

IdFile open_id_file(const std::filesystem::path& path) {
  const auto source = std::make_shared<FileIds>(path);
  std::string info = source->check_content();
  const IdHeader& header = source->header();
  return {SymbolIds(source, static_cast<std::int64_t>(header.count)),
          static_cast<std::int64_t>(header.symbols), std::move(info)};
}

bool is_id_file(const std::filesystem::path& path) {
  try {
    const io::InputFile file(path);
    std::array<std::byte, id_magic.size()> begin{};
    if (file.size() < begin.size()) return false;
    file.read_at(0, begin);
    return has_id_magic(begin);
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace unroll
