#include "system_calls.hpp"

#include <fcntl.h>
#include <sys/file.h>
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

/// Whether this call is to fail.
bool interrupted() {
  if (!interrupting || std::exchange(just_failed, !just_failed)) return false;
  ++failed;
  errno = EINTR;
  return true;
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

namespace system_calls {

Interrupted::Interrupted() { interrupting = true, just_failed = false, failed = 0; }
Interrupted::~Interrupted() { interrupting = false; }
int Interrupted::count() const { return failed; }

std::vector<std::string> synced() { return std::exchange(synced_paths, {}); }

}  // namespace system_calls
