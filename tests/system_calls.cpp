#include "system_calls.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace {

thread_local bool interrupting = false, just_failed = false;
thread_local int failed = 0;
thread_local std::vector<std::string> synced_paths;
thread_local const system_calls::Failing* failing = nullptr;

/// Whether this call is to fail with EINTR.
bool interrupted() {
  if (!interrupting || std::exchange(just_failed, !just_failed)) return false;
  ++failed;
  errno = EINTR;
  return true;
}

/// Whether this call is to fail, with errno set.
bool fails(std::string_view name) { return interrupted() || (failing && failing->takes(name)); }

template <class... Arguments>
int call(std::string_view name, long number, Arguments... arguments) {
  return fails(name) ? -1 : static_cast<int>(syscall(number, arguments...));
}

}  // namespace

// They take the place of libc's for all that is linked into the tests.
extern "C" int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  return call("open", SYS_openat, AT_FDCWD, path, flags, mode);
}
extern "C" int openat(int folder, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  return call("openat", SYS_openat, folder, path, flags, mode);
}
extern "C" int ftruncate(int file, off_t length) noexcept {
  return call("ftruncate", SYS_ftruncate, file, length);
}
extern "C" int flock(int file, int how) noexcept { return call("flock", SYS_flock, file, how); }
extern "C" int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return failing && failing->takes("renameat")
             ? -1
             : static_cast<int>(syscall(SYS_renameat, from_folder, from, to_folder, to));
}
extern "C" int fstat(int file, struct stat* status) noexcept {
  return failing && failing->takes("fstat")
             ? -1
             : static_cast<int>(syscall(SYS_newfstatat, file, "", status, AT_EMPTY_PATH));
}
extern "C" int stat(const char* path, struct stat* status) noexcept {
  return failing && failing->takes("stat")
             ? -1
             : static_cast<int>(syscall(SYS_newfstatat, AT_FDCWD, path, status, 0));
}
extern "C" int fstatat(int folder, const char* path, struct stat* status, int flags) noexcept {
  return failing && failing->takes("fstatat")
             ? -1
             : static_cast<int>(syscall(SYS_newfstatat, folder, path, status, flags));
}
extern "C" ssize_t pread(int file, void* bytes, size_t count, off_t offset) {
  return failing && failing->takes("pread") ? -1 : syscall(SYS_pread64, file, bytes, count, offset);
}
extern "C" int fsync(int file) {
  const int result = call("fsync", SYS_fsync, file);
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const int before = errno;
  if (result == 0 && readlink(link.c_str(), path.data(), path.size() - 1) > 0)
    synced_paths.emplace_back(path.data());
  errno = before;
  return result;
}

#ifdef UNROLL_COVERAGE
// A child's counts are written where it ends without the end of main.
extern "C" void __gcov_dump();
extern "C" [[noreturn]] void _exit(int status) {
  if (void* memory = std::malloc(1 << 20)) {  // not where a test has left none
    std::free(memory);
    __gcov_dump();
  }
  for (;;) syscall(SYS_exit_group, status);
}
#endif

namespace system_calls {

Interrupted::Interrupted() { interrupting = true, just_failed = false, failed = 0; }
Interrupted::~Interrupted() { interrupting = false; }
int Interrupted::count() const { return failed; }

Failing::Failing(std::string_view name, int error, int before) : name_(name), error_(error), before_(before) {
  failing = this;
}
Failing::~Failing() { failing = nullptr; }
bool Failing::takes(std::string_view name) const {
  if (name != name_ || before_-- > 0 || failures_left_-- <= 0) return false;
  errno = error_;
  return true;
}

std::vector<std::string> synced() { return std::exchange(synced_paths, {}); }

}  // namespace system_calls
