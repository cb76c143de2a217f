#pragma once
/// \file The failure of another rank, and how long one waits before it is taken for that.

#include <string>

#include "unroll/autograd/error.hpp"

namespace unroll::mpi {

/// How patient a rank is.
struct CommunicatorOptions {
  double watchdog_seconds = 300;  ///< so long it waits for others before it ends with PeerError; 0: for ever
};

/// Another rank has failed or hangs. The message names it, the cause, the step, and the last checkpoint.
struct PeerError : Error {
  /// With whether this rank is to tell.
  PeerError(const std::string& message, bool first) : Error(message), tells(first) {}
  bool tells;  ///< it is the lowest rank that still answers: all ranks throw, and one line is enough
};

}  // namespace unroll::mpi
