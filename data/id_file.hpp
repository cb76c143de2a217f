#pragma once
/// \file A file of symbols in numbers, for texts larger than memory. The format is in docs/file_formats.md.
///
/// The file is read in place: the system keeps what it can of it in memory, and the program's own memory does not grow
/// with it. It is read by calls and not mapped, because a mapped file that another program cuts off ends the reader by
/// SIGBUS; here that is a DataError.

#include <filesystem>
#include <string>
#include <string_view>

#include "unroll/data/symbol_ids.hpp"

namespace unroll {

/// Bytes that a number below `symbols` takes in a file: 1 to 4.
/// Errors: UsageError if `symbols` < 1 or above 2³².
int id_width(std::int64_t symbols);

/// Collects numbers of symbols, in memory or in a file, with 1 to 4 bytes each.
class IdWriter {
 public:
  /// In memory; numbers below `symbols`.
  /// Errors: UsageError as id_width.
  explicit IdWriter(std::int64_t symbols);
  /// For a file, which is written whole or not at all, as all files of the library: see io/atomic_file.hpp.
  /// Errors: as above; DataError that names the file if it cannot be written, of all members.
  IdWriter(std::int64_t symbols, const std::filesystem::path& path);
  ~IdWriter();
  IdWriter(const IdWriter&) = delete;
  IdWriter& operator=(const IdWriter&) = delete;

  /// Appends numbers.
  /// Errors: IndexError for one outside [0, symbols).
  void add(std::span<const std::int64_t> ids);
  /// How many there are so far.
  std::int64_t size() const { return count_; }
  /// The numbers, ready to be read; nothing may be added any more. A file is on the disk then, with `info`, whatever
  /// its reader has to know; in memory that is dropped.
  SymbolIds finish(std::string_view info = {});

 private:
  struct File;
  void flush();

  std::int64_t symbols_, count_ = 0;
  int width_;
  std::vector<std::byte> bytes_;
  std::unique_ptr<File> file_;
};

/// What is in a file of symbols.
struct IdFile {
  SymbolIds ids;             ///< read in place; numbers below `symbols`
  std::int64_t symbols = 0;  ///< the size of their vocabulary
  std::string info;          ///< what the writer has added
};

/// Opens a file that an IdWriter has made, and reads it once, to check that it is what was written.
/// Errors: DataError that begins with the file's name, if it cannot be read, is no such file, of another version, cut
///         off, longer than it says or damaged; so does reading it afterwards, where it has been changed or cut off
///         meanwhile.
/// Cost:   one reading of the whole file; memory for `info`.
IdFile open_id_file(const std::filesystem::path& path);

/// Whether a file begins as one of an IdWriter; false if it cannot be read.
bool is_id_file(const std::filesystem::path& path);

}  // namespace unroll
