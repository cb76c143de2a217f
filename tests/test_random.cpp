#include "unroll/autograd/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "unroll/autograd/error.hpp"

using namespace unroll;

namespace {

using Words = std::array<std::uint32_t, 4>;

std::vector<std::uint32_t> words(RandomKey key, index_t first, index_t n) {
  key.first = first;
  std::vector<std::uint32_t> w(static_cast<std::size_t>(n));
  random_words(key, w);
  return w;
}

}  // namespace

TEST_CASE("philox: the known answers of the authors' test vectors") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random_words: element e has word e mod 4 of block e / 4, however the range is cut") {
  const RandomKey key{.seed = 0x123456789abcdef0, .step = 0xfedcba987654321, .layer = 7};
  const auto all = words(key, 0, 1000);
  for (std::uint32_t e : {0u, 1u, 63u, 64u, 999u}) {
    const Words block = philox({e / 4, 7, 0x87654321, 0x0fedcba9}, {0x9abcdef0, 0x12345678});
    CHECK(all[e] == block[e % 4]);
  }
  for (index_t first : {0, 1, 2, 3, 5, 64, 130, 997}) {
    for (index_t n : {0, 1, 3, 62, 63, 64, 65, 200}) {
      if (first + n > 1000) continue;
      CHECK(words(key, first, n) == std::vector(all.begin() + first, all.begin() + first + n));
    }
  }
}

TEST_CASE("random_words: seed, step and layer each give other words") {
  const auto base = words({.seed = 1, .step = 2, .layer = 3}, 0, 64);
  CHECK(base != words({.seed = 2, .step = 2, .layer = 3}, 0, 64));
  CHECK(base != words({.seed = 1, .step = 3, .layer = 3}, 0, 64));
  CHECK(base != words({.seed = 1, .step = 2, .layer = 4}, 0, 64));
  CHECK(base != words({.seed = 1 | std::uint64_t{1} << 32, .step = 2, .layer = 3}, 0, 64));
  CHECK(base != words({.seed = 1, .step = 2 | std::uint64_t{1} << 32, .layer = 3}, 0, 64));
}

TEST_CASE("random_words: the last elements can be had, those beyond cannot") {
  const index_t limit = index_t{1} << 34;
  const auto last = words({}, limit - 8, 8);
  CHECK(words({}, limit - 5, 5) == std::vector(last.begin() + 3, last.end()));
  CHECK_THROWS_AS(words({}, limit - 4, 5), UsageError);
  CHECK_THROWS_AS(words({}, -1, 1), UsageError);
}

TEST_CASE("generator: equal seeds give equal numbers, and a saved state continues them") {
  Generator a(5), b(5), c(6);
  CHECK(a() == b());
  CHECK(a() != c());
  for (int skip = 0; skip < 9; ++skip) {
    const Generator::State state = a.state();
    std::vector<double> first, second;
    for (int i = 0; i < 5; ++i) first.push_back(a.normal());
    Generator other(0);
    other.set_state(state);
    for (int i = 0; i < 5; ++i) second.push_back(other.normal());
    CHECK(first == second);
    CHECK(a.state() == other.state());
    a.set_state(state);
    a();
  }
}

TEST_CASE("generator: moments of uniform and normal numbers") {
  Generator g(1);
  constexpr int n = 100000;
  double sum = 0, squares = 0, low = 1, high = 0, normal = 0, normal2 = 0, normal4 = 0;
  for (int i = 0; i < n; ++i) {
    const double u = g.uniform(), z = g.normal();
    sum += u, squares += u * u, low = std::min(low, u), high = std::max(high, u);
    normal += z, normal2 += z * z, normal4 += z * z * z * z;
  }
  CHECK(low >= 0);
  CHECK(high < 1);
  // Five standard errors of n draws: 0.2887, 0.2981, 1, √2 and √96 over √n.
  CHECK(std::abs(sum / n - 0.5) < 5 * 0.2887 / std::sqrt(n));
  CHECK(std::abs(squares / n - 1.0 / 3) < 5 * 0.2981 / std::sqrt(n));
  CHECK(std::abs(normal / n) < 5 / std::sqrt(n));
  CHECK(std::abs(normal2 / n - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::abs(normal4 / n - 3) < 5 * std::sqrt(96.0 / n));
}

TEST_CASE("generator: ranges, integers and arrays") {
  Generator g(2);
  std::vector<int> counts(6);
  for (int i = 0; i < 6000; ++i) ++counts[g.below(6)];
  // Binomial: five standard deviations of √(6000 · 5/36).
  for (int c : counts) CHECK(std::abs(c - 1000) < 145);
  CHECK_THROWS_AS(g.below(0), UsageError);
  CHECK(g.below(1) == 0);
  std::vector<float> values(100);
  g.fill_uniform(std::span(values), -2, -1);
  CHECK(*std::min_element(values.begin(), values.end()) >= -2);
  CHECK(*std::max_element(values.begin(), values.end()) <= -1);
  g.fill_normal(std::span(values), 10, 0);
  CHECK(values == std::vector<float>(100, 10));
  std::shuffle(values.begin(), values.end(), g);  // it is a generator as the standard library means it
}
