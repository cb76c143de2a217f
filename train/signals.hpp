#pragma once
/// \file Stopping a run from outside without losing it.

namespace unroll {

/// While it lives, SIGINT, SIGTERM, SIGUSR1 (which mpirun passes on), SIGHUP (unless it was ignored, as under nohup) and
/// SIGPIPE (nobody reads what the run prints any more) only ask the run to stop: the loop sees it between two steps, saves and ends. A SIGINT after such a request exits at once with status 130. The destructor restores what was there
/// before.
/// Errors: UsageError if there is one already: handlers belong to the process.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  /// The signal that asks to stop, 0 if none has come. What takes long may ask without having the object.
  static int received();
};

}  // namespace unroll
