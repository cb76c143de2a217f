#pragma once
/// \file The processes that mpirun started together, as a program's training uses them.

#include <functional>
#include <memory>
#include <string>

#include "common/options.hpp"
#include "unroll/train/loop.hpp"
#include "unroll/train/peers.hpp"

namespace unroll::program {

/// The shards of a training under mpirun where --shards does not say.
inline constexpr int shards_of_peers = 8;

/// The processes that mpirun started with this one; null where it was started alone.
/// Errors: UsageError under mpirun if this program was built without MPI; as unroll::mpi.
std::unique_ptr<Peers> join_peers(double watchdog);
/// Calls f; what it throws is told to the other processes first. Where another one failed, one process alone says so.
int among_peers(Peers* peers, const std::function<int()>& f);
/// Process 0, for as long as it lives: marks a run of several processes as going on, so that --resume can tell that it was
/// cut off. Prints that of the run before.
std::shared_ptr<void> mark_run(const Peers* peers, const std::string& folder, const std::int64_t* resumed_at);

/// What process 0 alone does of a run, and what the others do in its place. Without peers, all is as if there were none.
class Company {
 public:
  /// The others print nothing from now on.
  explicit Company(Peers* peers);

  Peers* peers() const { return peers_; }
  /// Whether this process prints, logs and writes.
  bool leads() const { return !peers_ || peers_->rank() == 0; }

  /// The text that process 0 has, in all.
  std::string share(std::string text) const;
  /// Calls f in one process after another, beginning with process 0.
  void in_turn(const std::function<void()>& f) const;
  /// Errors: UsageError if processes were started with other options, data or programs.
  void check_agreement(const OptionList& options, const std::string& data) const;

 private:
  Peers* peers_;
};

/// Sets --shards where it has to be, and checks it.
/// Errors: UsageError naming the options that do not go together.
void settle_shards(RunOptions& options, const Company& company, bool resumed);

}  // namespace unroll::program
