#include "common/peers.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#ifdef UNROLL_HAVE_MPI
#include "unroll/mpi/mpi_peers.hpp"
#include "unroll/mpi/run_mark.hpp"
#endif
#include "unroll/version.hpp"

namespace unroll::program {
namespace {

/// What the processes of one run may differ in, or cannot.
bool must_agree(const Option& option) { return option.name != "out" && option.name != "index"; }

}  // namespace

#ifdef UNROLL_HAVE_MPI
std::unique_ptr<Peers> join_peers(double watchdog) {
  return mpi::peers_of_mpirun({.watchdog_seconds = watchdog});
}

int among_peers(Peers* peers, const std::function<int()>& f) {
  if (!peers) return f();
  try {
    return f();
  } catch (const mpi::PeerError& error) {
    if (error.tells) throw;
    return 1;
  } catch (const std::exception& error) {
    static_cast<mpi::MpiPeers*>(peers)->ranks().give_up(error.what());
    throw;
  }
}

std::shared_ptr<void> mark_run(const Peers* peers, const std::string& folder,
                               const std::int64_t* resumed_at) {
  if (!peers) return {};
  auto mark = std::make_shared<mpi::RunMark>(folder, peers->count());
  if (const auto text = resumed_at ? mark->left(*resumed_at) : std::nullopt) fmt::print("{}\n", *text);
  return mark;
}
#else
std::unique_ptr<Peers> join_peers(double) {
  if (!std::getenv("OMPI_COMM_WORLD_SIZE") && !std::getenv("PMI_SIZE")) return {};
  raise<UsageError>(
      "started by mpirun, but built without MPI: configure with -DUNROLL_MPI=ON (docs/distributed.md), or "
      "start it "
      "without mpirun");
}

int among_peers(Peers*, const std::function<int()>& f) { return f(); }

std::shared_ptr<void> mark_run(const Peers*, const std::string&, const std::int64_t*) { return {}; }
#endif

Company::Company(Peers* peers) : peers_(peers) {
  if (!leads() && !std::freopen("/dev/null", "w", stdout)) raise<DataError>("/dev/null: cannot be opened");
}

std::string Company::share(std::string text) const {
  if (!peers_) return text;
  std::uint64_t size = text.size();
  peers_->broadcast(std::as_writable_bytes(std::span(&size, 1)), 0);
  text.resize(static_cast<std::size_t>(size));
  peers_->broadcast(std::as_writable_bytes(std::span(text)), 0);
  return text;
}

void Company::in_turn(const std::function<void()>& f) const {
  const int count = peers_ ? peers_->count() : 1;
  for (int rank = 0; rank < count; ++rank) {
    if (!peers_ || peers_->rank() == rank) f();
    if (peers_) peers_->any(false);  // wait for each other
  }
}

void Company::check_agreement(const OptionList& options, const std::string& data) const {
  if (!peers_) return;
  peers_->agree("the version of the program", UNROLL_VERSION_STRING);
  const auto values = to_json(options);
  for (const auto& [name, value] : values.items()) {
    const auto named = [&](const Option& option) { return option.name == name; };
    const auto found = std::ranges::find_if(options, named);
    if (found == options.end() || must_agree(*found)) peers_->agree("--" + name, value.dump());
  }
  peers_->agree("the data", data);
}

void settle_shards(RunOptions& options, const Company& company, bool resumed) {
  Peers* const peers = company.peers();
  if (peers && options.shards == 0) {
    if (resumed)
      raise<UsageError>(
          "--resume: the run has no shards, which processes could share; start it without mpirun");
    options.shards = shards_of_peers;
  }
  if (peers && peers->count() > options.shards)
    raise<UsageError>("--shards {}: fewer than the {} processes that mpirun started", options.shards,
                      peers->count());
  if (peers && !options.find_lr.empty()) raise<UsageError>("--find-lr: not under mpirun");
  if (options.shards > 0) options.threads = 1;
}

}  // namespace unroll::program
