#pragma once
/// \file How scan runs steps that are all alike, and how to see it.

#include <functional>
#include <string>

namespace unroll {

/// How scan runs its steps. The results are the same to the bit.
enum class ScanSteps {
  programs,  ///< the first three are recorded; where all are alike, the others run without a node, by a program
  recorded,  ///< every step is recorded
  checked,   ///< every step is recorded, and compared with the program that the first ones make
};

/// While it lives, scans of all threads run their steps in this way. They nest; two threads at once must not have one.
/// Errors: with ScanSteps::checked, scan throws a UsageError that names the first step that differs: one that
///         depends on how often it was called, say.
class ScanMode {
 public:
  /// From here on.
  explicit ScanMode(ScanSteps steps);
  /// As before.
  ~ScanMode();
  ScanMode(const ScanMode&) = delete;
  ScanMode& operator=(const ScanMode&) = delete;

 private:
  ScanSteps before_;
};

/// What:   calls f and tells of each scan in it with 32 or more steps whether its steps run by a program: its
///         kernels, or else why there is none.
std::string dump_plan(const std::function<void()>& f);

}  // namespace unroll
