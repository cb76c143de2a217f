#pragma once
/// \file A program that runs beside this one.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace unroll::tool {

/// A child process, which ends with this one: if this one is killed, it is asked to stop as by SIGTERM.
class TrialProcess {
 public:
  /// Starts a program. What it prints is added to the file `output`; it reads nothing. It has a process group of its own, so
  /// that Ctrl-C does not reach it but through stop().
  /// Errors: DataError if it cannot be started, or the file cannot be opened.
  TrialProcess(const std::string& program, const std::vector<std::string>& arguments,
               const std::string& output);
  TrialProcess(TrialProcess&& other) noexcept;
  TrialProcess& operator=(TrialProcess&& other) noexcept;
  ~TrialProcess();

  /// Its exit status once it has ended; 128 + the signal that ended it.
  std::optional<int> status();
  /// Asks it to save and end.
  void stop() const;

 private:
  pid_t child_ = -1;
  std::optional<int> status_;
};

/// The file of a program: `name` itself if it has a slash; else beside this program, under its own name or as unroll-NAME;
/// else where the system looks for programs.
/// Errors: UsageError if there is none.
std::string find_program(const std::string& name);

}  // namespace unroll::tool
