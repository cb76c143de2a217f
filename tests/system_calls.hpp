#pragma once
/// \file System calls of the library as a test wants them: interrupted by a signal, failing, or written down.

#include <string>
#include <string_view>
#include <vector>

namespace system_calls {

/// While it lives, every second call of open, openat, ftruncate, flock and fsync by this thread fails with EINTR, the
/// first one too.
struct Interrupted {
  Interrupted();
  Interrupted(const Interrupted&) = delete;
  Interrupted& operator=(const Interrupted&) = delete;
  ~Interrupted();
  /// How many calls have failed.
  int count() const;
};

/// While it lives, one call of this thread fails with `error`, whenever it is made, but not the first `before` times:
/// open, openat, ftruncate, flock, fsync, renameat, stat, fstatat, fstat or pread. A thousand of them fail, so that what
/// repeats a call for ever comes to an end.
class Failing {
 public:
  Failing(std::string_view name, int error, int before = 0);
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
  ~Failing();
  /// Whether a call of this name is to fail; it then has set errno.
  bool takes(std::string_view name) const;

 private:
  std::string_view name_;
  int error_;
  mutable int before_;
  mutable int failures_left_ = 1000;
};

/// The files and folders that this thread has synced since the last question.
std::vector<std::string> synced();

}  // namespace system_calls
