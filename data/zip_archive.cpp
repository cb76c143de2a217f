#include "unroll/detail/data/zip_archive.hpp"

#include <algorithm>
#include <optional>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"

#ifndef UNROLL_NO_ZLIB
#include <zlib.h>
#endif

namespace unroll::detail {
namespace {

constexpr std::uint32_t end_mark = 0x06054b50, end64_mark = 0x06064b50, locator_mark = 0x07064b50,
                        central_mark = 0x02014b50, local_mark = 0x04034b50;
constexpr std::uint64_t in_extra32 = 0xFFFFFFFF;  // the field's value is in the ZIP64 part
/// No deflated byte becomes more bytes than these.
[[maybe_unused]] constexpr std::uint64_t deflate_limit = 1032;

/// Little-endian numbers of an archive.
class ZipBytes {
 public:
  ZipBytes(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  std::uint64_t size() const { return bytes_.size(); }
  std::uint64_t number(std::uint64_t at, std::size_t width) const {
    std::uint64_t value = 0;
    const std::string_view part = slice(at, width);
    for (std::size_t k = width; k-- > 0;) value = value << 8 | static_cast<unsigned char>(part[k]);
    return value;
  }
  std::string_view slice(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at)
      raise<DataError>("{}: the zip archive is cut off: it has {} bytes, and tells of byte {}", name_,
                       bytes_.size(), at + size);
    return bytes_.substr(at, size);
  }
  std::optional<std::uint64_t> find_end() const {
    if (bytes_.size() < 22) return {};
    const std::uint64_t first = bytes_.size() > 22 + 0xFFFF ? bytes_.size() - 22 - 0xFFFF : 0;
    for (std::uint64_t at = bytes_.size() - 22;; --at) {
      if (number(at, 4) == end_mark) return at;
      if (at == first) return {};
    }
  }

 private:
  std::string_view bytes_;
  const std::string& name_;
};

struct ZipDirectory {
  std::uint64_t at, count;
};

ZipDirectory find_directory(const ZipBytes& in, const std::string& name) {
  const auto end = in.find_end();
  if (!end) raise<DataError>("{}: it is no zip archive: it has no directory at its end", name);
  if (*end >= 20 && in.number(*end - 20, 4) == locator_mark) {
    const std::uint64_t at = in.number(*end - 12, 8);
    if (in.number(at, 4) != end64_mark)
      raise<DataError>("{}: the directory of the zip archive is damaged", name);
    return {in.number(at + 48, 8), in.number(at + 32, 8)};
  }
  return {in.number(*end + 16, 4), in.number(*end + 10, 2)};
}

/// Fields that are too small for their values stand in a part of the entry's extra bytes, in this order.
void read_zip64(const ZipBytes& in, std::uint64_t at, std::uint64_t size, std::uint64_t& unpacked,
                std::uint64_t& packed, std::uint64_t& offset) {
  const std::uint64_t end = at + size;
  while (at + 4 <= end) {
    const std::uint64_t kind = in.number(at, 2), length = in.number(at + 2, 2);
    std::uint64_t field = at + 4;
    if (kind == 1) {
      for (std::uint64_t* value : {&unpacked, &packed, &offset})
        if (*value == in_extra32) *value = in.number(field, 8), field += 8;
      return;
    }
    at += 4 + length;
  }
}

ZipEntry read_entry(const ZipBytes& in, std::uint64_t at, const std::string& name) {
  if (in.number(at, 4) != central_mark)
    raise<DataError>("{}: the directory of the zip archive is damaged", name);
  const std::uint64_t flags = in.number(at + 8, 2), method = in.number(at + 10, 2),
                      name_size = in.number(at + 28, 2);
  std::uint64_t packed = in.number(at + 20, 4), unpacked = in.number(at + 24, 4),
                offset = in.number(at + 42, 4);
  ZipEntry entry{};
  entry.name = in.slice(at + 46, name_size);
  entry.checksum = static_cast<std::uint32_t>(in.number(at + 16, 4));
  entry.deflated = method == 8;
  read_zip64(in, at + 46 + name_size, in.number(at + 30, 2), unpacked, packed, offset);
  if (flags & 1) raise<DataError>("{}: {}: it is encrypted", name, printable(entry.name));
  if (method != 0 && method != 8)
    raise<DataError>("{}: {}: need a file that is stored or deflated; it is packed by method {}", name,
                     printable(entry.name), method);
  if (in.number(offset, 4) != local_mark)
    raise<DataError>("{}: {}: there is no file where the directory says", name, printable(entry.name));
  entry.packed = in.slice(offset + 30 + in.number(offset + 26, 2) + in.number(offset + 28, 2), packed);
  entry.size = unpacked;
  return entry;
}

#ifndef UNROLL_NO_ZLIB
struct Inflater {
  z_stream stream{};
  Inflater() {
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

/// Whether `packed` becomes exactly the bytes of `out`.
bool inflate_into(std::string_view packed, std::string& out) {
  constexpr std::size_t most = 1U << 30;  // zlib counts in 32 bits
  Inflater z;
  std::size_t in = 0, done = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    const std::size_t give = std::min(most, packed.size() - in), room = std::min(most, out.size() - done);
    char spare = 0;  // zlib wants room even for nothing
    z.stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + in));
    z.stream.avail_in = static_cast<uInt>(give);
    z.stream.next_out = reinterpret_cast<Bytef*>(room ? out.data() + done : &spare);
    z.stream.avail_out = static_cast<uInt>(room ? room : 1);
    status = inflate(&z.stream, Z_NO_FLUSH);
    in += give - z.stream.avail_in;
    if (room == 0 && z.stream.avail_out == 0) return false;
    if (room) done += room - z.stream.avail_out;
    if (status != Z_OK && status != Z_STREAM_END) return false;
  }
  return done == out.size() && in == packed.size();
}
#endif

}  // namespace

std::vector<ZipEntry> zip_entries(std::string_view bytes, const std::string& name) {
  const ZipBytes in(bytes, name);
  const ZipDirectory directory = find_directory(in, name);
  std::vector<ZipEntry> entries;
  std::uint64_t at = directory.at;
  for (std::uint64_t k = 0; k < directory.count; ++k) {
    entries.push_back(read_entry(in, at, name));
    at += 46 + in.number(at + 28, 2) + in.number(at + 30, 2) + in.number(at + 32, 2);
  }
  return entries;
}

std::string unpack(const ZipEntry& entry, const std::string& name, [[maybe_unused]] std::uint64_t most) {
  const auto refuse = [&](std::string_view what) {
    raise<DataError>("{}: {}: {}", name, printable(entry.name), what);
  };
  std::string bytes;
  if (!entry.deflated) {
    if (entry.size != entry.packed.size()) refuse("its size is not that of its bytes");
    bytes = entry.packed;
  } else {
#ifdef UNROLL_NO_ZLIB
    refuse("it is compressed, and this build is without zlib (numpy.savez does not compress)");
#else
    if (entry.size > most)
      refuse(fmt::format("it would unpack to {} bytes; {} are allowed", entry.size, most));
    if (entry.size / deflate_limit > entry.packed.size())
      refuse("its size cannot be true: nothing deflates so well");
    bytes.resize(entry.size);
    if (!inflate_into(entry.packed, bytes)) refuse("its compressed bytes are damaged");
#endif
  }
#ifndef UNROLL_NO_ZLIB
  if (crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != entry.checksum)
    refuse("its checksum is not that of its bytes");
#endif
  return bytes;
}

}  // namespace unroll::detail
