#pragma once
/// \file The processes that share a training.

#include <cstddef>
#include <span>
#include <string_view>

namespace unroll {

/// What one process of a training that several share needs of the others. unroll::mpi implements it; a process that is
/// alone has none.
/// Errors: each call throws if a process failed, or does not answer in time.
class Peers {
 public:
  virtual ~Peers() = default;

  /// Which process this is, 0 … count() − 1. Process 0 prints, logs and writes.
  virtual int rank() const = 0;
  virtual int count() const = 0;  ///< how many there are

  /// What:   bytes for process `to`, which receives as many.
  virtual void send(std::span<const std::byte> bytes, int to) = 0;
  /// What:   takes what process `from` has sent here, as many bytes as fit.
  virtual void receive(std::span<std::byte> bytes, int from) = 0;
  /// What:   the bytes of process `root` in all of them; each brings as many.
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  /// What:   whether any process says yes, such as whether one was asked to stop.
  virtual bool any(bool mine) = 0;

  /// What:   compares a value that must be the same in all processes, such as the options or a hash of the data.
  /// Errors: UsageError in every process, which names a rank whose value differs from that of rank 0, and both.
  virtual void agree(std::string_view what, std::string_view value) = 0;
  /// What:   says that this process lives, how far it is, and where the last checkpoint lies: what messages name.
  virtual void progress(long step, std::string_view checkpoint) = 0;
};

}  // namespace unroll
