#include "unroll/io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/io/system_call.hpp"

namespace unroll::io {
namespace {

[[noreturn]] void fail_with_errno(const std::filesystem::path& path, std::string_view what) {
  const int code = errno;
  raise<DataError>("{}: {}: {}", path.string(), what, std::generic_category().message(code));
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// A folder's descriptor; -1 if it cannot be opened.
int open_folder(const std::filesystem::path& folder) {
  return uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
}

/// Whether a folder is synced. Some file systems cannot do that and say EINVAL.
bool sync(int folder) {
  return uninterrupted([&] { return ::fsync(folder); }) == 0 || errno == EINVAL;
}

}  // namespace

/// The temporary file, until it becomes the real one.
class PendingFile {
 public:
  explicit PendingFile(const std::filesystem::path& path)
      : path_(path), target_(path.filename()), name_(temporary_path(path).filename()) {
    if (target_.empty()) raise<DataError>("{}: cannot write: there is no file name", path_.string());
    folder_.reset(open_folder(folder_of(path_)));
    if (folder_.get() == -1) fail_with_errno(path_, "cannot open its folder");
    check_target();
    open_and_lock();
  }

  ~PendingFile() {
    if (mine_) ::unlinkat(folder_.get(), name_.c_str(), 0);
  }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// Removes what a killed run has left.
  void clear() {
    if (uninterrupted([&] { return ::ftruncate(file_.get(), 0); }) != 0)
      fail_with_errno(path_, "cannot empty its temporary file");
  }

  void write(std::span<const std::byte> bytes) {
    if (!write_all(file_.get(), bytes)) fail_with_errno(path_, "cannot write");
  }

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto count = uninterrupted(
          [&] { return ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (count == -1) fail_with_errno(path_, "cannot write");
      offset += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void commit() {
    if (uninterrupted([&] { return ::fsync(file_.get()); }) != 0) fail_with_errno(path_, "cannot sync");
    if (::renameat(folder_.get(), name_.c_str(), folder_.get(), target_.c_str()) != 0) {
      fail_with_errno(path_, "cannot rename its temporary file");
    }
    mine_ = false;
    if (!sync(folder_.get())) {
      fail_with_errno(path_, "was written, but may not survive a crash: cannot sync its folder");
    }
  }

 private:
  /// Renaming would replace a device, too: as root, /dev/null would be a file from then on.
  void check_target() const {
    struct stat status = {};
    if (::fstatat(folder_.get(), target_.c_str(), &status, 0) != 0) {
      // There is nothing, or a link that leads to nothing that can be seen: it will be replaced.
      if (errno == ENOENT || errno == ELOOP || errno == EACCES || errno == ENOTDIR) return;
      fail_with_errno(path_, "cannot examine what is there");
    }
    if (S_ISDIR(status.st_mode)) raise<DataError>("{}: cannot write: it is a directory", path_.string());
    if (!S_ISREG(status.st_mode))
      raise<DataError>("{}: cannot write: it is not a regular file", path_.string());
  }

  /// Opens the temporary file and waits until no other writer has it. That writer may have renamed or
  /// removed the file meanwhile: then the lock is on a file that no longer has the name.
  void open_and_lock() {
    while (!mine_) {
      // Without O_NONBLOCK, opening a named pipe would wait for its reader.
      const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
      file_.reset(uninterrupted([&] { return ::openat(folder_.get(), name_.c_str(), flags, 0666); }));
      if (file_.get() == -1) fail_with_errno(path_, "cannot create its temporary file");
      check_is_file();
      // Where the file system has no locks, one writer at a time is up to the user.
      uninterrupted([&] { return ::flock(file_.get(), LOCK_EX); });
      struct stat opened = {};
      struct stat named = {};
      const bool there = ::fstatat(folder_.get(), name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0;
      if ((!there && errno != ENOENT) || ::fstat(file_.get(), &opened) != 0)
        fail_with_errno(path_, "cannot examine its temporary file");
      mine_ = there && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    }
  }

  /// What stands under the temporary name may be no file, or the other name of one that somebody needs.
  void check_is_file() const {
    struct stat status = {};
    if (::fstat(file_.get(), &status) != 0) fail_with_errno(path_, "cannot examine its temporary file");
    if (!S_ISREG(status.st_mode) || status.st_nlink > 1)
      raise<DataError>("{}: cannot write: {} stands in the place of its temporary file; remove it",
                       path_.string(),
                       S_ISREG(status.st_mode) ? "a file with other names" : "what is no regular file");
  }

  std::filesystem::path path_;
  std::filesystem::path target_;
  std::filesystem::path name_;
  Descriptor folder_;
  Descriptor file_;
  bool mine_ = false;
};

OutputFile::OutputFile(const std::filesystem::path& path) : pending_(std::make_unique<PendingFile>(path)) {
  pending_->clear();
}
OutputFile::~OutputFile() = default;
void OutputFile::write(std::span<const std::byte> bytes) { pending_->write(bytes); }
void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  pending_->write_at(offset, bytes);
}
void OutputFile::commit() { pending_->commit(); }

void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> pieces) {
  PendingFile pending(path);
  pending.clear();
  for (const auto piece : pieces) pending.write(piece);
  pending.commit();
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, std::span(&bytes, 1));
}

void sync_name(const std::filesystem::path& path) {
  const Descriptor folder(open_folder(folder_of(path)));
  if (folder.get() == -1 && errno == EACCES) return;  // one may write in it and not read it
  if (folder.get() == -1 || !sync(folder.get()))
    fail_with_errno(path, "may not survive a crash: cannot sync its folder");
}

std::filesystem::path temporary_path(const std::filesystem::path& path) {
  return std::filesystem::path(path) += ".tmp";
}

InputFile::InputFile(const std::filesystem::path& path) : path_(path) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
  Descriptor file(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); }));
  if (file.get() == -1) fail_with_errno(path_, "cannot open");
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) fail_with_errno(path_, "cannot examine");
  if (S_ISDIR(status.st_mode)) raise<DataError>("{}: cannot read: it is a directory", path_.string());
  if (!S_ISREG(status.st_mode)) raise<DataError>("{}: cannot read: it is not a regular file", path_.string());
  size_ = static_cast<std::uint64_t>(status.st_size);
  descriptor_ = file.release();
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const auto count = uninterrupted(
        [&] { return ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset)); });
    if (count == -1) fail_with_errno(path_, "cannot read");
    if (count == 0) {
      raise<DataError>("{}: cannot read: it ends at byte {}; it was longer when opened", path_.string(),
                       offset);
    }
    offset += static_cast<std::uint64_t>(count);
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t max) {
  const InputFile input(path);
  if (input.size() > max) {
    raise<DataError>("{}: cannot read: it has {} bytes; at most {} are allowed", path.string(), input.size(),
                     max);
  }
  std::vector<std::byte> bytes(input.size());
  input.read_at(0, bytes);
  return bytes;
}

}  // namespace unroll::io
