#include "unroll/autograd/dropout.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE_TEMPLATE("dropout: the share of zeros is p, the rest is scaled by 1 / (1 − p)", T, float, double) {
  const Variable<T> x({1000, 100}, T{1});
  for (double p : {0.1, 0.5, 0.9}) {
    const auto kept = static_cast<double>(static_cast<T>(1 / (1 - p)));
    index_t zeros = 0, others = 0;
    for (double v : list(dropout(x, p, {.seed = 1}))) {
      zeros += v == 0;
      others += v != 0 && v != kept;
    }
    CHECK(others == 0);
    // Five standard deviations of a binomial number.
    CHECK(std::abs(static_cast<double>(zeros) - p * 1e5) < 5 * std::sqrt(1e5 * p * (1 - p)));
  }
}

TEST_CASE("dropout: the mask is Philox's word of the element against p · 2³²") {
  const Variable<double> y = dropout(Variable<double>({100}, 1.0), 0.3, {.seed = 9, .step = 8, .layer = 7});
  for (std::uint32_t i = 0; i < 100; ++i) {
    const std::uint32_t word = philox({i / 4, 7, 8, 0}, {9, 0})[i % 4];
    CHECK(list(y)[i] == (word < 0.3 * 0x1p32 ? 0 : 1 / (1 - 0.3)));
  }
}

TEST_CASE("dropout: a piece has the mask of its place in the whole") {
  const auto x = random_parameter({10, 7}, 1);
  const RandomKey key{.seed = 3, .step = 4, .layer = 5};
  const std::vector<double> whole = list(dropout(x, 0.5, key));
  for (index_t first = 0; first < 10; first += 3) {
    const index_t last = std::min<index_t>(10, first + 3);
    RandomKey at = key;
    at.first = first * 7;
    CHECK(list(dropout(slice(x, 0, first, last), 0.5, at)) ==
          std::vector<double>(whole.begin() + first * 7, whole.begin() + last * 7));
  }
}

TEST_CASE("dropout: p = 0 is the array itself, p = 1 nothing but zeros") {
  const auto x = random_parameter({4}, 2);
  CHECK(dropout(x, 0, {}).same_as(x));
  CHECK(list(dropout(x, 1, {})) == std::vector<double>(4, 0));
}

TEST_CASE("dropout: gradients of first and second order") {
  const auto x = random_parameter({5, 300}, 3);
  const auto op = [](const auto& in) { return dropout(in[0], 0.4, {.seed = 1, .step = 2}); };
  gradcheck(op, {x});
  const auto small = random_parameter({3, 4}, 4);
  gradgradcheck([&](const auto& in) { return op(in) * op(in); }, {small});
  gradcheck([&](const auto& in) { return dropout(slice(in[0], 1, 1, 3), 0.4, {}); }, {small});
}

TEST_CASE("dropout: NaN and infinities are not swallowed") {
  for (double v : list(dropout(Variable<double>({50}, std::nan("")), 0.5, {}))) CHECK(std::isnan(v));
}

TEST_CASE("dropout: takes expressions, and refuses probabilities and places that are none") {
  const auto x = random_parameter({4}, 5);
  CHECK(list(dropout(x * 1.0, 0.5, {})) == list(dropout(x, 0.5, {})));
  CHECK(message_of<UsageError>([&] { dropout(x, 1.5, {}); }) == "dropout: p must lie in [0, 1]; got 1.5");
  CHECK_THROWS_AS(dropout(x, -0.1, {}), UsageError);
  CHECK_THROWS_AS(dropout(x, std::nan(""), {}), UsageError);
  CHECK_THROWS_AS(dropout(x, 0.5, {.first = -1}), UsageError);
  CHECK_THROWS_AS(dropout(x, 0.5, {.first = (index_t{1} << 34) - 3}), UsageError);
  CHECK_THROWS_AS(dropout(Variable<double>(), 0.5, {}), UsageError);
}
