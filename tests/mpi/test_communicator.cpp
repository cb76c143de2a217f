#include "unroll/mpi/communicator.hpp"

#include <doctest/doctest.h>
#include <mpi.h>

#include <chrono>
#include <numeric>
#include <thread>

#include "ranks.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/mpi/broadcast_module.hpp"
#include "unroll/mpi/mpi_peers.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

std::vector<std::byte> pattern(std::size_t size, int seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t k = 0; k < size; ++k)
    bytes[k] = static_cast<std::byte>(k * 7 + static_cast<std::size_t>(seed));
  return bytes;
}

/// The rank that a rank sends to, in a ring.
int after(const mpi::Communicator& ranks) { return (ranks.rank() + 1) % ranks.count(); }
int before(const mpi::Communicator& ranks) { return (ranks.rank() + ranks.count() - 1) % ranks.count(); }

}  // namespace

TEST_CASE("communicator: what is sent arrives, whatever its size") {
  mpi::Communicator ranks(patient);
  if (ranks.count() == 1) return;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{3'000'000}}) {
    std::vector<std::byte> got(size);
    if (ranks.rank() == 0) ranks.send(pattern(size, 0), after(ranks));
    ranks.receive(got, before(ranks));
    if (ranks.rank() != 0) ranks.send(pattern(size, ranks.rank()), after(ranks));
    CHECK(got == pattern(size, before(ranks)));
  }
  CHECK(ranks.bytes_sent() == 3004097);
}

TEST_CASE("communicator: a message of another size is an error that names both sizes") {
  mpi::Communicator ranks(patient);
  if (ranks.count() == 1) return;
  std::vector<std::byte> bytes(ranks.rank() == 0 ? 4 : 3);
  if (ranks.rank() == 1) ranks.send(bytes, 0);
  if (ranks.rank() == 0)
    CHECK(error_of<UsageError>([&] { ranks.receive(bytes, 1); }) ==
          "mpi receive: need 4 bytes from rank 1; got 3: both must give the same size");
}

TEST_CASE("communicator: broadcast gives the root's bytes, gather everybody's in order, any what one says") {
  mpi::Communicator ranks(patient);
  const int last = ranks.count() - 1;
  auto bytes = pattern(1000, ranks.rank());
  ranks.broadcast(bytes, last);
  CHECK(bytes == pattern(1000, last));
  const int mine = 10 * ranks.rank();
  std::vector<int> all(static_cast<std::size_t>(ranks.count())), wanted(all.size());
  ranks.gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)));
  for (std::size_t k = 0; k < wanted.size(); ++k) wanted[k] = 10 * static_cast<int>(k);
  CHECK(all == wanted);
  CHECK(ranks.any(ranks.rank() == last));
  CHECK_FALSE(ranks.any(false));
}

TEST_CASE("communicator: all ranks hear which of them was started otherwise") {
  mpi::Communicator ranks(patient);
  ranks.agree("seed", "17");
  ranks.agree_on_program();
  const int last = ranks.count() - 1;
  const auto differ = [&](const std::string& value, const std::string& other) {
    return error_of<UsageError>([&] { ranks.agree("options", ranks.rank() == last ? other : value); });
  };
  if (last == 0) return;
  CHECK(differ("--lr 1", "--lr 2") ==
        fmt::format("mpi: rank {} was started with options --lr 2, rank 0 with --lr 1: "
                    "start all ranks alike",
                    last));
  CHECK(differ(std::string(101, 'a'), std::string(101, 'b')).find("with options hash ") != std::string::npos);
}

TEST_CASE("communicator: a thread or a rank that cannot be is refused") {
  mpi::Communicator ranks(patient);
  std::string other;
  std::thread([&] { other = error_of<UsageError>([&] { ranks.any(false); }); }).join();
  CHECK(other == "mpi any: called by another thread than the one that made the Communicator; call it there");
  CHECK(error_of<UsageError>([&] { ranks.send({}, -1); }) ==
        fmt::format("mpi send: need a rank in [0, {}); got -1", ranks.count()));
  CHECK(error_of<UsageError>([] { mpi::Communicator({.watchdog_seconds = -1}); }) ==
        "mpi: need a watchdog of 0 or more seconds; got -1");
}

TEST_CASE("communicator: ranks that wait for each other end when the watchdog's time is up, and all say so") {
  mpi::Communicator ranks({.watchdog_seconds = 0.5});
  if (ranks.count() == 1) return;
  ranks.progress(7, "run/last.safetensors");
  const std::string message = error_of<mpi::PeerError>([&] {
    std::byte byte{};
    ranks.receive(std::span(&byte, 1), before(ranks));
  });
  CHECK(message.find("all ranks wait for each other: not all call the same, at step 7; last checkpoint: "
                     "run/last.safetensors") != std::string::npos);
}

TEST_CASE("communicator: the others name the rank that does not answer") {
  mpi::Communicator ranks({.watchdog_seconds = 1});
  if (ranks.count() == 1) return;
  const int silent = ranks.count() - 1;
  ranks.progress(3, "");
  if (ranks.rank() == silent) std::this_thread::sleep_for(std::chrono::milliseconds(1900));
  const std::string message = error_of<mpi::PeerError>([&] { ranks.any(false); });
  if (ranks.rank() == silent) return;  // it finds nobody, or is late enough to be told
  CHECK(message.find(fmt::format("rank {} does not answer, at step 3; last checkpoint: none", silent)) !=
        std::string::npos);
}

TEST_CASE("communicator: the error of one rank ends all, with its cause") {
  for (const bool with_cause : {true, false}) {
    mpi::Communicator outer(patient);
    if (outer.count() == 1) return;
    const std::string message = error_of<mpi::PeerError>([&] {
      try {
        mpi::Communicator ranks(patient);
        ranks.progress(12, "last");
        if (ranks.rank() == 1 && with_cause) ranks.give_up("the loss is NaN");
        if (ranks.rank() == 1) throw std::runtime_error("mine");
        ranks.any(false);
      } catch (const std::runtime_error& e) {
        if (std::string_view(e.what()) != "mine") throw;
      }
    });
    if (outer.rank() == 1) continue;
    CHECK(message == fmt::format("mpi: rank 1 failed at step 12; last checkpoint: last: {}",
                                 with_cause ? "the loss is NaN" : "it ended with an error"));
  }
}

TEST_CASE("broadcast_module: all ranks have the root's weights, and names and shapes are compared before") {
  mpi::Communicator ranks(patient);
  const int last = ranks.count() - 1;
  Generator rng(static_cast<std::uint64_t>(ranks.rank())), same(static_cast<std::uint64_t>(last));
  Linear<> layer(3, 2, {}, rng), wanted(3, 2, {}, same);
  mpi::broadcast_module(ranks, layer, last);
  CHECK(layer.weight.value() == wanted.weight.value());
  CHECK(layer.bias.value() == wanted.bias.value());
  if (last == 0) return;
  Linear<> other(ranks.rank() == last ? 4 : 3, 2, {}, rng);
  CHECK(error_of<UsageError>([&] { mpi::broadcast_module(ranks, other); }) ==
        fmt::format("mpi: rank {} was started with parameters weight (2, 4); bias (2,), rank 0 with weight "
                    "(2, 3); bias (2,): start all ranks alike",
                    last));
}

TEST_CASE("mpi_peers: a training sees the ranks as its peers") {
  const std::unique_ptr<Peers> peers = mpi::peers_of_mpirun(patient);
  REQUIRE(peers);
  int world = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  CHECK(peers->count() == world);
  const int next = (peers->rank() + 1) % world;
  CHECK(peers->any(peers->rank() == world - 1));
  peers->agree("seed", "3");
  peers->progress(4, "last");
  if (world == 1) return;
  std::vector<std::byte> bytes = pattern(100, 0), got(100);
  if (peers->rank() == 0) peers->send(bytes, next);
  if (peers->rank() == 1) peers->receive(got, 0);
  if (peers->rank() == 1) CHECK(got == bytes);
  bytes = pattern(100, peers->rank());
  peers->broadcast(bytes, 1);
  CHECK(bytes == pattern(100, 1));
}
