#pragma once  // internal
/// \file The files of a zip archive in memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unroll::detail {

/// One file of an archive.
struct ZipEntry {
  std::string name;            ///< as the archive says it
  std::string_view packed;     ///< its bytes there
  std::uint64_t size = 0;      ///< unpacked
  std::uint32_t checksum = 0;  ///< CRC-32 of the unpacked bytes
  bool deflated = false;       ///< otherwise stored as it is
};

/// The files of an archive in the order of its directory; ZIP64 too. `name` is that of the archive, for messages.
/// Errors: DataError for what is no archive, goes beyond its end, is encrypted or is packed in another way than stored or
///         deflated.
/// Lifetime: entries point into `bytes`.
/// Source: PKWARE's APPNOTE 6.3.
std::vector<ZipEntry> zip_entries(std::string_view bytes, const std::string& name);

/// The bytes of a file, which are no more than `most`.
/// Errors: DataError if they would be, or are not those of size and checksum; or in a build without zlib, if it is deflated.
std::string unpack(const ZipEntry& entry, const std::string& name, std::uint64_t most);

}  // namespace unroll::detail
