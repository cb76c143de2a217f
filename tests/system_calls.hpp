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

/// While it lives, calls of `name`, one of fstatat, pread and stat, by this thread fail with `error`: a thousand of
/// them, so that what repeats a call for ever comes to an end.
struct Failing {
  Failing(std::string_view name, int error);
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
  ~Failing();
};

/// The files and folders that this thread has synced since the last question.
std::vector<std::string> synced();

}  // namespace system_calls
