#pragma once
/// \file Files that are written whole or not at all, and read with their size known. POSIX.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace unroll::io {

/// Replaces the file `path` durably: when this returns, the new content is on the disk; whenever the
/// process or the machine stops, `path` is the old file or the new one, never a mixture.
/// It writes temporary_path(path), syncs it, renames it and syncs the folder. What a killed run leaves
/// under that name is overwritten by the next write. A symbolic link at `path` is replaced, not followed; what is no
/// regular file of one name in the place of the temporary file is left alone, and refused. So is a folder, a device or
/// a pipe at `path`, and a link to one, as /dev/stdout is.
/// Errors: DataError `file: what failed: the system's reason`; `path` is then unchanged (unless only the last
///         step, the folder's sync, failed, which the message says) and the temporary file is gone (unless it could
///         not be examined, and may be another's; the next write overwrites it).
/// Threads and processes that write the same path at once take turns.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// The same, of pieces that follow one another.
void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> pieces);

/// The same for a file that is made piece by piece: what it is given goes to the temporary file, and commit() makes that
/// the file. Without commit(), `path` stays what it was, and the temporary file goes with this object.
/// Errors: of every member as above.
class OutputFile {
 public:
  /// Opens the temporary file, which is empty then.
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Appends bytes.
  void write(std::span<const std::byte> bytes);
  /// Replaces bytes that were written.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Makes it the file `path`, durably. Nothing may be written afterwards.
  void commit();

 private:
  std::unique_ptr<class PendingFile> pending_;
};

/// Waits until the disk has the name `path`, of a file or folder that is new: syncs the folder in which it stands.
/// A folder that may not be read cannot be synced.
/// Errors: DataError `path: what failed: the system's reason`.
void sync_name(const std::filesystem::path& path);

/// Where a write of `path` collects its bytes: the same folder and name, with ".tmp" added.
std::filesystem::path temporary_path(const std::filesystem::path& path);

/// The whole content of a regular file.
/// Errors: DataError if it cannot be read or has more than `max` bytes; nothing is allocated before.
std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t max);

/// A regular file, open for reading.
/// Errors: every member throws DataError `file: what failed: the system's reason`.
class InputFile {
 public:
  /// Opens a file.
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Bytes in the file when it was opened.
  std::uint64_t size() const { return size_; }
  /// Fills `out` from the bytes at `offset`.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace unroll::io
