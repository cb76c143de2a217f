#include "system_calls.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <utility>

namespace {

thread_local bool interrupting = false, just_failed = false;
thread_local int failed = 0;
thread_local std::vector<std::string> synced_paths;
thread_local std::string_view failing_name;
thread_local int failing_error = 0, failures_left = 0;

/// Whether this call is to fail.
bool interrupted() {
  if (!interrupting || std::exchange(just_failed, !just_failed)) return false;
  ++failed;
  errno = EINTR;
  return true;
}

/// Carries out a call that Failing may name.
template <class... Arguments>
long call_unless_failing(std::string_view name, long number, Arguments... arguments) {
  if (name != failing_name || failures_left == 0) return syscall(number, arguments...);
  --failures_left;
  errno = failing_error;
  return -1;
}

template <class... Arguments>
int call(long number, Arguments... arguments) {
  return interrupted() ? -1 : static_cast<int>(syscall(number, arguments...));
}

}  // namespace

// They take the place of libc's for all that is linked into the tests.
extern "C" int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  return call(SYS_openat, AT_FDCWD, path, flags, mode);
}
extern "C" int openat(int folder, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  return call(SYS_openat, folder, path, flags, mode);
}
extern "C" int ftruncate(int file, off_t length) noexcept { return call(SYS_ftruncate, file, length); }
extern "C" int flock(int file, int how) noexcept { return call(SYS_flock, file, how); }
extern "C" int fsync(int file) {
  const int result = call(SYS_fsync, file);
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const int before = errno;
  if (result == 0 && readlink(link.c_str(), path.data(), path.size() - 1) > 0)
    synced_paths.emplace_back(path.data());
  errno = before;
  return result;
}

extern "C" int fstatat(int folder, const char* path, struct stat* status, int flags) noexcept {
  return static_cast<int>(call_unless_failing("fstatat", SYS_newfstatat, folder, path, status, flags));
}
extern "C" int stat(const char* path, struct stat* status) noexcept {
  return static_cast<int>(call_unless_failing("stat", SYS_newfstatat, AT_FDCWD, path, status, 0));
}
extern "C" ssize_t pread(int file, void* bytes, std::size_t size, off_t offset) {
  return call_unless_failing("pread", SYS_pread64, file, bytes, size, offset);
}

namespace system_calls {

Failing::Failing(std::string_view name, int error) {
  failing_name = name, failing_error = error, failures_left = 1000;
}
Failing::~Failing() { failing_name = {}; }

Interrupted::Interrupted() { interrupting = true, just_failed = false, failed = 0; }
Interrupted::~Interrupted() { interrupting = false; }
int Interrupted::count() const { return failed; }

std::vector<std::string> synced() { return std::exchange(synced_paths, {}); }

}  // namespace system_calls
