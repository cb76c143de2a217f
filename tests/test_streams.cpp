#include "unroll/data/streams.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <numeric>

#include "unroll/autograd/error.hpp"

using namespace unroll;

namespace {

std::vector<std::int64_t> counting(std::int64_t n) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

using Ids = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("streams: eleven symbols in two streams and windows of three") {
  const Streams streams(counting(11), 2, 3, "text");
  CHECK(streams.columns() == 5);
  CHECK(streams.windows() == 2);
  CHECK(streams.targets() == 10);
  const Window first = streams.window(0);
  CHECK(first.steps == 3);
  CHECK(first.batch == 2);
  CHECK(first.inputs == Ids{0, 5, 1, 6, 2, 7});
  CHECK(first.targets == Ids{1, 6, 2, 7, 3, 8});
  const Window last = streams.window(1);
  CHECK(last.steps == 2);
  CHECK(last.inputs == Ids{3, 8, 4, 9});
  CHECK(last.targets == Ids{4, 9, 5, 10});
}

TEST_CASE("streams: every stream's windows follow one another without a gap, for odd sizes too") {
  for (const std::int64_t n : {2, 3, 7, 50, 51, 101, 997})
    for (const std::int64_t batch : {1, 2, 3, 7})
      for (const std::int64_t steps : {1, 2, 5, 1000}) {
        if (n <= batch) continue;
        const Streams streams(counting(n), batch, steps, "text");
        Ids next(static_cast<std::size_t>(batch));
        for (std::int64_t b = 0; b < batch; ++b) next[static_cast<std::size_t>(b)] = b * streams.columns();
        std::int64_t targets = 0;
        for (std::int64_t w = 0; w < streams.windows(); ++w) {
          const Window window = streams.window(w);
          for (std::size_t i = 0; i < window.inputs.size(); ++i) {
            auto& expected = next[i % static_cast<std::size_t>(batch)];
            REQUIRE(window.inputs[i] == expected);
            REQUIRE(window.targets[i] == ++expected);
          }
          targets += window.steps * batch;
        }
        CHECK(targets == streams.targets());
        CHECK(n - 1 - targets < batch);
      }
}

TEST_CASE("streams: the recipe of 1,115,394 characters gives 424 windows, the last one of 42 steps") {
  const Split split = split_by_position(1'115'394, 0.05);
  CHECK(split.train == 1'059'624);
  CHECK(split.valid == 55'770);
  const Streams streams(Ids(static_cast<std::size_t>(split.train)), 50, 50, "train");
  CHECK(streams.columns() == 21'192);
  CHECK(streams.windows() == 424);
  CHECK(streams.window(423).steps == 42);
}

TEST_CASE("streams: a text shorter than a batch is refused with the minimum and the remedy") {
  CHECK_THROWS_WITH_AS(
      Streams(counting(50), 50, 10, "valid"),
      "valid: 50 symbols are too few for a batch of 50: at least 51 are needed; take a longer "
      "text or a smaller batch",
      DataError);
  CHECK_THROWS_WITH_AS(Streams({}, 50, 10, "train"), "train: empty: at least 51 symbols are needed",
                       DataError);
  CHECK(Streams(counting(51), 50, 10, "train").windows() == 1);
}

TEST_CASE("streams: the largest sizes there are do not overflow") {
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  const Streams streams(counting(3), 1, largest, "text");
  CHECK(streams.windows() == 1);
  CHECK(streams.window(0).steps == 2);
  CHECK_THROWS_WITH_AS(Streams(counting(3), largest, 1, "text"),
                       "text: 3 symbols are too few for a batch of 9223372036854775807: at least "
                       "9223372036854775808 are needed; take a longer text or a smaller batch",
                       DataError);
}

TEST_CASE("streams: sizes below one and windows out of range are refused") {
  CHECK_THROWS_AS(Streams(counting(9), 0, 1, "text"), UsageError);
  CHECK_THROWS_AS(Streams(counting(9), 1, 0, "text"), UsageError);
  const Streams streams(counting(9), 2, 2, "text");
  CHECK_THROWS_WITH_AS(streams.window(2), "streams: need a window in [0, 2); got 2", IndexError);
  CHECK_THROWS_AS(streams.window(-1), IndexError);
}

TEST_CASE("split: decimal fractions divide as on paper") {
  for (const std::int64_t n : {100, 1'000, 1'000'000}) {
    CHECK(split_by_position(n, 0.05).train == n / 100 * 95);
    CHECK(split_by_position(n, 0.1).train == n / 100 * 90);
  }
  CHECK(split_by_position(7, 0).train == 7);
  CHECK(split_by_position(0, 0.5).valid == 0);
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  CHECK(split_by_position(most, 0).train == most);
  CHECK(split_by_position(most, 0).valid == 0);
  CHECK(split_by_position(most, 0.5).train == std::int64_t{1} << 62);
  CHECK_THROWS_AS(split_by_position(-1, 0.5), UsageError);
  CHECK(split_by_position(3, 0.5).train == 1);
}

TEST_CASE("split: a fraction out of range is refused") {
  CHECK_THROWS_AS(split_by_position(10, 1), UsageError);
  CHECK_THROWS_AS(split_by_position(10, -0.1), UsageError);
  CHECK_THROWS_AS(split_by_position(10, 0.0 / 0.0), UsageError);
}
