#include "unroll/detail/train/axis_pattern.hpp"

#include <doctest/doctest.h>

#include <numeric>

using unroll::detail::AxisPattern;
using unroll::detail::AxisSizes;

namespace {

using TurnedNumbers = std::vector<double>;

/// 0, 1, 2, … of that shape, rearranged.
TurnedNumbers turned(const char* text, const std::vector<std::int64_t>& shape, std::size_t part = 0,
                     AxisSizes sizes = {}) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  TurnedNumbers values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0.0);
  const AxisPattern pattern(text);
  REQUIRE(pattern.matches(shape, sizes));
  const auto result = pattern.result(sizes);
  REQUIRE(result);
  const TurnedNumbers found = pattern.rearranged(values, sizes, part);
  std::int64_t product = 1;
  for (const std::int64_t extent : *result) product *= extent;
  CHECK(product == static_cast<std::int64_t>(found.size()));
  return found;
}

}  // namespace

TEST_CASE("axis pattern: axes are swapped, taken apart and put together") {
  CHECK(turned("a b -> b a", {2, 3}) == TurnedNumbers{0, 3, 1, 4, 2, 5});
  CHECK(turned("i (h k) -> (k h) i", {1, 6}, 0, {{'h', 2}}) == TurnedNumbers{0, 3, 1, 4, 2, 5});
  CHECK(turned("(n 2 o) -> (2 n o)", {8}, 0, {{'n', 2}}) == TurnedNumbers{0, 1, 4, 5, 2, 3, 6, 7});
  CHECK(turned("c 1 k -> c k", {2, 1, 2}) == TurnedNumbers{0, 1, 2, 3});
  CHECK(turned("n b c -> 1 n c b", {1, 2, 2}) == TurnedNumbers{0, 2, 1, 3});
}

TEST_CASE("axis pattern: of an axis that is gone, one part is taken") {
  CHECK(turned("g (2 i) -> g i", {2, 4}, 0) == TurnedNumbers{0, 1, 4, 5});
  CHECK(turned("g (2 i) -> g i", {2, 4}, 1) == TurnedNumbers{2, 3, 6, 7});
  CHECK(turned("u (i:h) -> u i", {2, 3}, 0, {{'h', 2}}) == TurnedNumbers{0, 3});
  CHECK(turned("u (i:h) -> u h", {2, 3}, 1, {{'h', 2}}) == TurnedNumbers{1, 2, 4, 5});
  CHECK(turned("u (i:h:h) -> u h", {1, 5}, 2, {{'h', 2}}) == TurnedNumbers{3, 4});
}

TEST_CASE("axis pattern: a letter that comes new is a repetition") {
  CHECK(turned("d -> (n d)", {2}, 0, {{'n', 2}}) == TurnedNumbers{0, 1, 0, 1});
}

TEST_CASE(
    "axis pattern: shapes that do not fit are refused and leave the sizes as they are, however large they "
    "are") {
  const auto refused = [](const char* text, const std::vector<std::int64_t>& shape, const AxisSizes& known) {
    AxisSizes sizes = known;
    return !AxisPattern(text).matches(shape, sizes) && sizes == known;
  };
  CHECK(refused("a b", {2, 3, 4}, {}));
  CHECK(refused("a b", {2, 3}, {{'b', 4}}));
  CHECK(refused("(3 h)", {7}, {}));
  CHECK(refused("a 1 b", {2, 2, 3}, {}));
  CHECK(refused("u (i:h)", {2, 3}, {{'h', 3}}));
  CHECK(refused("a", {0}, {}));
  const std::int64_t huge = std::int64_t{1} << 62;
  CHECK(refused("(a b)", {huge}, {{'a', huge}, {'b', huge}}));
  CHECK(!AxisPattern("d -> (n d)").result({{'n', huge}, {'d', huge}}));
  CHECK(!AxisPattern("d -> (n d)").result({{'d', 3}}));
}

TEST_CASE("axis pattern: its text has the sizes that are known") {
  const AxisPattern pattern("(2 c) i (a:b) 1");
  CHECK(pattern.text({}) == "(2 * c, i, a + b, 1)");
  CHECK(pattern.text({{'c', 3}, {'a', 4}}) == "(6, i, 4 + b, 1)");
  CHECK(AxisPattern("h").text({{'h', 3}}) == "(3,)");
}
