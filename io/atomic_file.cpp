#include "unroll/io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "unroll/autograd/error.hpp"

namespace unroll::io {
namespace {

[[noreturn]] void fail_with_errno(const std::filesystem::path& path, std::string_view what) {
  const int code = errno;
  raise<DataError>("{}: {}: {}", path.string(), what, std::generic_category().message(code));
}

/// Repeats a system call that a signal interrupts.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// Closes a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void reset(int value = -1) {
    if (value_ != -1) ::close(value_);
    value_ = value;
  }
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

/// The temporary file, until it becomes the real one.
class PendingFile {
 public:
  explicit PendingFile(const std::filesystem::path& path)
      : path_(path), target_(path.filename()), name_(temporary_path(path).filename()) {
    if (target_.empty()) raise<DataError>("{}: cannot write: there is no file name", path_.string());
    const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    folder_.reset(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder_.get() == -1) fail_with_errno(path_, "cannot open its folder");
    open_and_lock();
  }

  ~PendingFile() {
    if (mine_) ::unlinkat(folder_.get(), name_.c_str(), 0);
  }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// Removes what a killed run has left.
  void clear() {
    if (::ftruncate(file_.get(), 0) != 0) fail_with_errno(path_, "cannot empty its temporary file");
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto count = uninterrupted([&] { return ::write(file_.get(), bytes.data(), bytes.size()); });
      if (count == -1) fail_with_errno(path_, "cannot write");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void commit() {
    if (uninterrupted([&] { return ::fsync(file_.get()); }) != 0) fail_with_errno(path_, "cannot sync");
    if (::renameat(folder_.get(), name_.c_str(), folder_.get(), target_.c_str()) != 0) {
      fail_with_errno(path_, "cannot rename its temporary file");
    }
    mine_ = false;
    // Some file systems cannot sync a folder and say EINVAL.
    if (uninterrupted([&] { return ::fsync(folder_.get()); }) != 0 && errno != EINVAL) {
      fail_with_errno(path_, "was written, but may not survive a crash: cannot sync its folder");
    }
  }

 private:
  /// Opens the temporary file and waits until no other writer has it. That writer may have renamed or
  /// removed the file meanwhile: then the lock is on a file that no longer has the name.
  void open_and_lock() {
    while (!mine_) {
      const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
      file_.reset(uninterrupted([&] { return ::openat(folder_.get(), name_.c_str(), flags, 0666); }));
      if (file_.get() == -1) fail_with_errno(path_, "cannot create its temporary file");
      // Where the file system has no locks, one writer at a time is up to the user.
      uninterrupted([&] { return ::flock(file_.get(), LOCK_EX); });
      struct stat opened = {};
      struct stat named = {};
      if (::fstat(file_.get(), &opened) != 0) fail_with_errno(path_, "cannot examine its temporary file");
      mine_ = ::fstatat(folder_.get(), name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
              opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    }
  }

  std::filesystem::path path_;
  std::filesystem::path target_;
  std::filesystem::path name_;
  Descriptor folder_;
  Descriptor file_;
  bool mine_ = false;
};

}  // namespace

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
