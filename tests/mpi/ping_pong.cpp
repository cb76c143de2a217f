// How long a message takes between ranks 0 and 1, by size; how long all ranks take to agree whether to stop; and how long a
// sum over all ranks takes. Medians; a network is checked with it before a training is blamed on it.
// usage: mpirun -n RANKS ping_pong [ROUNDS]
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "unroll/mpi/all_reduce.hpp"

using namespace unroll;

namespace {

/// The median of the microseconds that f takes.
template <class F>
double median_of(int rounds, F&& f) {
  std::vector<double> times;
  for (int k = 0; k < rounds; ++k) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds / 2)];
}

void there_and_back(mpi::Communicator& ranks, std::span<std::byte> bytes) {
  if (ranks.rank() == 0) ranks.send(bytes, 1), ranks.receive(bytes, 1);
  if (ranks.rank() == 1) ranks.receive(bytes, 0), ranks.send(bytes, 0);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 201;
  mpi::Communicator ranks;
  const auto say = [&](const std::string& line) {
    if (ranks.rank() == 0) fmt::print("{}\n", line);
  };
  if (ranks.count() > 1) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{1} << 10, std::size_t{1} << 16,
                                   std::size_t{1} << 20, std::size_t{1} << 24}) {
      std::vector<std::byte> bytes(size);
      const double one_way = median_of(rounds, [&] { there_and_back(ranks, bytes); }) / 2;
      say(fmt::format("{:>9} bytes one way: {:9.1f} us {:9.1f} MB/s", size, one_way,
                      static_cast<double>(size) / one_way));
    }
  }
  say(fmt::format("any:                    {:9.1f} us", median_of(rounds, [&] { ranks.any(false); })));
  std::vector<float> values(std::size_t{1} << 20);
  say(fmt::format("sum of 2^20 floats:     {:9.1f} us",
                  median_of(rounds, [&] { mpi::sum_over_ranks<float>(ranks, std::span(values)); })));
}
