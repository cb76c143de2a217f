#pragma once
/// \file Where a run keeps its files.

#include <filesystem>
#include <string>
#include <utility>

namespace unroll {

/// Keeps a folder for one writer, until it goes. Where the file system has no locks it keeps nothing.
class FolderLock {
 public:
  /// Errors: DataError if another FolderLock has the folder, in this process or another, or it cannot be
  ///         opened.
  explicit FolderLock(const std::string& folder);
  /// The folder changes its keeper.
  FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  /// The same.
  FolderLock& operator=(FolderLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FolderLock();

 private:
  int descriptor_ = -1;
};

/// A folder with the last checkpoint, the best one by validation loss, and the log of metrics.
class RunFolder {
 public:
  /// The folder `path`, which need not exist yet.
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  /// The file of the best checkpoint.
  std::string best() const { return (path_ / "best.safetensors").string(); }
  /// The file of the last checkpoint.
  std::string last() const { return (path_ / "last.safetensors").string(); }
  /// The file of the metrics.
  std::string log() const { return (path_ / "metrics.jsonl").string(); }
  /// A file of another name in the folder.
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  /// The file of what a finished run says of its model; see run_details.hpp.
  std::string details() const { return (path_ / "report.json").string(); }
  /// Whether there is a checkpoint.
  /// Errors: DataError `path: reason` if that cannot be told; of the other members too.
  bool holds_run() const { return exists(best()) || exists(last()); }
  /// Whether there is such a folder.
  bool exists() const { return exists(path_.string()); }

  /// Makes the folder if it is not there; the disk then has it, and those around it that were made too.
  void create() const;
  /// Keeps the folder, which is there, for this process.
  /// Errors: as FolderLock.
  FolderLock lock() const { return FolderLock(path_.string()); }
  /// Removes the files above, if there are any; the disk has forgotten the checkpoints before the log goes.
  void clear() const;
  /// Whether there is a file, or folder, of this name.
  static bool exists(const std::string& file);

 private:
  std::filesystem::path path_;
};

/// The checkpoint that `path` means: that file, or the best checkpoint of that folder, or else its last one.
/// Errors: DataError if there is none.
std::string find_checkpoint(const std::string& path);

}  // namespace unroll
