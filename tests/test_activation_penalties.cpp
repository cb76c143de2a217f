#include "unroll/layers/activation_penalties.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// Means over the true steps by plain loops: {of y², of differences squared}.
std::pair<double, double> penalties_by_hand(const Variable<double>& y, const std::vector<index_t>& lengths) {
  const index_t B = y.shape()[1], H = y.shape()[2];
  const std::vector<double> v = list(y);
  const auto at = [&](index_t t, index_t b, index_t h) {
    return v[static_cast<std::size_t>((t * B + b) * H + h)];
  };
  double squares = 0, changes = 0, n = 0, m = 0;
  for (index_t b = 0; b < B; ++b)
    for (index_t t = 0; t < lengths[static_cast<std::size_t>(b)]; ++t)
      for (index_t h = 0; h < H; ++h) {
        squares += at(t, b, h) * at(t, b, h), ++n;
        if (t > 0) changes += std::pow(at(t, b, h) - at(t - 1, b, h), 2), ++m;
      }
  return {n > 0 ? squares / n : 0, m > 0 ? changes / m : 0};
}

}  // namespace

TEST_CASE("activation_penalties: they are means over the true steps, and their gradients pass the check") {
  const auto y = random_parameter({4, 3, 2}, 1);
  const std::vector<std::vector<index_t>> all = {{4, 4, 4}, {4, 1, 2}, {1, 0, 1}, {0, 0, 0}};
  for (std::size_t k = 0; k < all.size(); ++k) {
    const Indices lengths =
        k == 0 ? Indices() : Indices(std::vector<std::int64_t>(all[k].begin(), all[k].end()));
    const auto [squares, changes] = penalties_by_hand(y, all[k]);
    CHECK(std::abs(activation_regularisation(y, 2, lengths).item() - 2 * squares) < 1e-14);
    CHECK(std::abs(temporal_activation_regularisation(y, 3, lengths).item() - 3 * changes) < 1e-14);
    if (k > 1) continue;
    gradcheck([&](const auto& in) { return activation_regularisation(in[0], 2, lengths); }, {y});
    gradcheck([&](const auto& in) { return temporal_activation_regularisation(in[0], 3, lengths); }, {y});
  }
  CHECK(temporal_activation_regularisation(random_parameter({1, 3, 2}, 1), 1).item() == 0);
}

TEST_CASE("activation_penalties: what lies beyond an end does not matter, be it infinite") {
  auto y = random_parameter({3, 2, 2}, 1);
  const double ar = activation_regularisation(y, 1, {3, 2}).item(),
               tar = temporal_activation_regularisation(y, 1, {3, 2}).item();
  y.mutable_data()[10] = std::numeric_limits<double>::infinity();
  CHECK(activation_regularisation(y, 1, {3, 2}).item() == ar);
  const auto loss = temporal_activation_regularisation(y, 1, {3, 2});
  CHECK(loss.item() == tar);
  loss.backward();
  for (const double g : gradient_list(y)) CHECK(std::isfinite(g));
}

TEST_CASE("activation_penalties: what does not fit is refused") {
  const auto y = random_parameter({3, 2, 2}, 1);
  CHECK_THROWS_WITH_AS(activation_regularisation(y, -1),
                       "activation_regularisation: the strength must be finite and at least 0; got -1",
                       UsageError);
  CHECK_THROWS_WITH_AS(activation_regularisation(Variable<double>(), 1),
                       "activation_regularisation: y is empty", UsageError);
  CHECK_THROWS_WITH_AS(temporal_activation_regularisation(row({1}), 1),
                       "temporal_activation_regularisation: need y (T, B, …); got (1,)", ShapeError);
  CHECK_THROWS_WITH_AS(activation_regularisation(y, 1, {1, 2, 3}),
                       "activation_regularisation: need lengths (2,); got (3,)", ShapeError);
  CHECK_THROWS_WITH_AS(activation_regularisation(y, 1, {1, 4}),
                       "activation_regularisation: length 4 of sequence 1 is not in 0 … 3", IndexError);
}
