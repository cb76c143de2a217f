#pragma once
/// \file The ranks of a program that mpirun has started: what they send each other, and what they do when one fails.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "unroll/mpi/peer_error.hpp"

namespace unroll::detail {
class MpiConnection;
}

namespace unroll::mpi {

/// Whether an mpirun, or srun, has started this process; reads the environment alone.
bool started_by_mpirun();

/// The ranks of MPI_COMM_WORLD, with a communicator of its own. Initialises MPI unless the program has, and ends it then.
///
/// Every rank makes one, and calls the same members in the same order; send goes with the other's receive. While a rank
/// waits, it learns of the others' failures: one that throws tells the others as its Communicator is destroyed, and those
/// throw PeerError where they wait. A process that then ends without MPI_Finalize has mpirun end all others.
/// Thread rule: needs MPI_THREAD_FUNNELED; all members belong to the thread that made it.
/// Errors: UsageError if MPI was initialised for one thread and the library may use several, and from another thread;
///         PeerError from every member that waits.
class Communicator {
 public:
  /// Every rank waits here until all have come.
  explicit Communicator(const CommunicatorOptions& options = {});
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  /// While an exception unwinds the stack: tells the other ranks, and leaves MPI as it is. Otherwise waits for them.
  ~Communicator();

  /// The number of this rank, from 0.
  int rank() const;
  /// How many ranks there are.
  int count() const;

  /// Sends bytes to another rank; returns when `bytes` may be changed.
  void send(std::span<const std::byte> bytes, int to);
  /// Fills `bytes` with what another rank sends.
  /// Errors: UsageError if that has another size.
  void receive(std::span<std::byte> bytes, int from);
  /// Fills the bytes of all ranks with those of `root`; all have the same size.
  void broadcast(std::span<std::byte> bytes, int root);
  /// Every rank's bytes, one after another, to all; each rank gives the same number.
  void gather(std::span<const std::byte> mine, std::span<std::byte> all);
  /// Whether any rank says so.
  bool any(bool mine);
  /// Makes sure that all ranks have the same of something: options, data, seed. Of values up to 100 bytes the message has
  /// the text, of longer ones their hash.
  /// Errors: UsageError on all ranks, naming the first one that has another value than rank 0.
  void agree(std::string_view what, std::string_view value);
  /// Makes sure that all ranks run the same program file.
  /// Errors: as agree; DataError if it cannot be read.
  void agree_on_program();

  /// What messages are to name: the step that was begun last, and the last checkpoint.
  void progress(std::int64_t step, std::string_view checkpoint);
  /// Tells the other ranks that this one ends, and why; waits a second at most. What ends by an exception without it is
  /// told without the cause.
  void give_up(std::string_view cause) noexcept;

  /// Bytes that this rank has sent by send, gather, broadcast and reductions.
  std::uint64_t bytes_sent() const;
  /// Seconds that this rank has waited for others.
  double seconds_waited() const;

  /// What the room's other files need of MPI.
  unroll::detail::MpiConnection& connection() { return *connection_; }

 private:
  std::unique_ptr<unroll::detail::MpiConnection> connection_;
};

}  // namespace unroll::mpi
