#pragma once
/// \file Peers by MPI: what a training needs that several processes share.

#include <memory>

#include "unroll/mpi/communicator.hpp"
#include "unroll/train/peers.hpp"

namespace unroll::mpi {

/// The ranks of mpirun as the Peers of a training.
///
/// It begins with a handshake: all ranks must have the same version of the library and the same program file. An
/// exception that destroys it tells the other ranks; see Communicator.
/// Errors: UsageError naming a rank that differs; PeerError.
/// Thread rule: as Communicator.
class MpiPeers final : public Peers {
 public:
  /// Every rank waits here until all have come.
  explicit MpiPeers(const CommunicatorOptions& options = {});

  int rank() const override { return ranks_.rank(); }
  /// How many ranks there are.
  int count() const override { return ranks_.count(); }
  void send(std::span<const std::byte> bytes, int to) override { ranks_.send(bytes, to); }
  /// Fills `bytes` with what another rank sends.
  void receive(std::span<std::byte> bytes, int from) override { ranks_.receive(bytes, from); }
  void broadcast(std::span<std::byte> bytes, int root) override { ranks_.broadcast(bytes, root); }
  bool any(bool mine) override { return ranks_.any(mine); }
  void agree(std::string_view what, std::string_view value) override { ranks_.agree(what, value); }
  void progress(long step, std::string_view checkpoint) override { ranks_.progress(step, checkpoint); }

  /// The ranks themselves, for what Peers does not have.
  Communicator& ranks() { return ranks_; }

 private:
  Communicator ranks_;
};

/// The Peers of a process that mpirun has started with others; null for one that is alone, which then does nothing with
/// MPI.
/// Errors: as MpiPeers.
std::unique_ptr<Peers> peers_of_mpirun(const CommunicatorOptions& options = {});

}  // namespace unroll::mpi
