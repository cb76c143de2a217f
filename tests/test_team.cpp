#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "arrays.hpp"
#include "unroll/detail/autograd/base/team.hpp"

using namespace unroll;
using namespace unroll::tests;
using detail::PartsGoTo;
using detail::share_parts;
using Whom = PartsGoTo::Whom;

namespace {

constexpr Whom all_ways[] = {Whom::whoever_is_free, Whom::caller, Whom::helpers, Whom::last_to_caller};

/// Which thread did each part.
std::vector<std::thread::id> doers(int count) {
  std::vector<std::thread::id> ids(static_cast<std::size_t>(count));
  const auto work = [&](int part) { ids[static_cast<std::size_t>(part)] = std::this_thread::get_id(); };
  share_parts(count, work);
  return ids;
}

}  // namespace

TEST_CASE("team: each part is done once, whoever does it") {
  for (const Whom whom : all_ways) {
    const PartsGoTo scope(whom);
    for (int count = 0; count < 7; ++count) {
      std::vector<std::atomic<int>> times(static_cast<std::size_t>(count));
      const auto work = [&](int part) { ++times[static_cast<std::size_t>(part)]; };
      for (int round = 0; round < 200; ++round) share_parts(count, work);
      for (const std::atomic<int>& n : times) CHECK(n == 200);
    }
  }
}

TEST_CASE("team: the parts can be given to the caller, or to helpers of which each does one") {
  const std::thread::id me = std::this_thread::get_id();
  {
    const PartsGoTo scope(Whom::caller);
    CHECK(doers(3) == std::vector{me, me, me});
  }
  {
    const PartsGoTo scope(Whom::helpers);
    const std::vector<std::thread::id> ids = doers(3);
    CHECK(ids[0] == me);
    CHECK(std::set(ids.begin(), ids.end()).size() == 3);
  }
  const PartsGoTo scope(Whom::last_to_caller);
  const std::vector<std::thread::id> ids = doers(3);
  CHECK(ids[2] == me);
  CHECK(std::set(ids.begin(), ids.end()).size() == 3);
}

TEST_CASE("team: the caller does what no helper has begun") {
  const std::thread::id me = std::this_thread::get_id();
  bool taken_back = false;
  for (int round = 0; round < 1000 && !taken_back; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the helper falls asleep
    taken_back = doers(2)[1] == me;
  }
  CHECK(taken_back);
}

TEST_CASE("team: the first error is thrown when all parts have ended") {
  for (const Whom whom : all_ways) {
    const PartsGoTo scope(whom);
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> ended = 0;
      const auto work = [&](int part) {
        ++ended;
        if (part > 0) throw std::out_of_range(std::to_string(part));
      };
      CHECK(message_of<std::out_of_range>([&] { share_parts(4, work); }) == "1");
      CHECK(ended == 4);
    }
  }
  CHECK(doers(2).size() == 2);  // it works on
}

TEST_CASE("team: a part shares its own parts with no other thread") {
  for (const Whom whom : all_ways) {
    const PartsGoTo scope(whom);
    std::atomic<int> done = 0, elsewhere = 0;
    const auto work = [&](int) {
      const std::thread::id here = std::this_thread::get_id();
      const auto inner = [&](int) {
        ++done;
        if (std::this_thread::get_id() != here) ++elsewhere;
      };
      share_parts(5, inner);
    };
    share_parts(3, work);
    CHECK(done == 15);
    CHECK(elsewhere == 0);
  }
}

TEST_CASE("team: threads share with helpers of their own, which end with them") {
  std::vector<std::thread> callers;
  std::atomic<int> done = 0;
  for (int k = 0; k < 4; ++k)
    callers.emplace_back([&] {
      const auto work = [&](int) { ++done; };
      for (int round = 0; round < 100; ++round) share_parts(3, work);
    });
  for (std::thread& t : callers) t.join();
  CHECK(done == 4 * 100 * 3);
}

TEST_CASE("team: in a forked process, which has no helpers, all parts are done and it ends") {
  CHECK(doers(3).size() == 3);
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<int> done = 0;
    const auto work = [&](int) { ++done; };
    share_parts(3, work);
    _exit(done == 3 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
