#pragma once
/// \file System calls of the library as a test wants them: interrupted by a signal, or written down.

#include <string>
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

/// The files and folders that this thread has synced since the last question.
std::vector<std::string> synced();

}  // namespace system_calls
