#pragma once  // internal
/// \file How loops run, and what is told of them: for tests, and for who looks for a mistake.

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

namespace unroll::detail {

/// Of all threads.
struct LoopMode {
  enum class Steps : std::uint8_t {
    programs,  ///< the first are recorded, the others run by their program, if there is one
    recorded,  ///< all are recorded
    checked,   ///< the same, and each is compared with the program
  };
  static inline std::atomic<Steps> steps{Steps::programs};
};

/// While it lives, collects what the loops of all threads tell. They nest; the inner one collects.
class LoopReport {
 public:
  LoopReport();
  ~LoopReport();
  LoopReport(const LoopReport&) = delete;
  LoopReport& operator=(const LoopReport&) = delete;
  std::vector<std::string> entries() const;

  static bool wanted() { return count > 0; }
  static void tell(std::string entry);

 private:
  static std::atomic<int> count;
  std::vector<std::string> entries_;
};

}  // namespace unroll::detail
