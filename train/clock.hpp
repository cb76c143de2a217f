#pragma once  // internal
/// \file A stopwatch.

#include <chrono>

namespace unroll::detail {

/// Tells the seconds since it was made.
class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace unroll::detail
