#pragma once
/// \file What tells a run that was cut off from one that has ended by itself.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace unroll::mpi {

/// A file in a run's folder, `running.json`, that is there while the run goes on. A rank that is killed takes all others
/// with it, and mpirun leaves no time for a message: the file then stays, and the next --resume has something to tell.
/// Only the rank that writes the run's files keeps one, while it holds the folder's lock.
class RunMark {
 public:
  /// Looks for what an earlier run has left in `folder`, and writes the mark of this one, of `ranks` ranks.
  /// Errors: DataError if the file cannot be written.
  RunMark(const std::filesystem::path& folder, int ranks);
  RunMark(const RunMark&) = delete;
  RunMark& operator=(const RunMark&) = delete;
  /// Removes it, but not while an exception unwinds the stack.
  ~RunMark();

  /// For a run that goes on from a checkpoint of `step`: `the run before, of 4 ranks, was cut off; going on from its last
  /// checkpoint, of step 120`. Nothing if the run before has ended by itself.
  std::optional<std::string> left(std::int64_t step) const;

 private:
  std::filesystem::path file_;
  std::string before_;  // empty: there was none
  int exceptions_;
};

}  // namespace unroll::mpi
