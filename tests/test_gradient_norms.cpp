#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/name_scope.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/gradient_norms.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

// Products of some twenty roundings.
constexpr double tolerance = 1e-13;

/// h' = a h + x by a lambda.
auto linear_cell(const V& a) {
  return [a](const V& x, const V& h) -> V { return x + h * a; };
}

/// The powers a⁰ … aⁿ⁻¹.
std::vector<double> powers(double a, int n) {
  std::vector<double> list;
  for (int k = 0; k < n; ++k) list.push_back(std::pow(a, k));
  return list;
}

}  // namespace

TEST_CASE("gradient norms: of h' = a h + x the norm at lag k is |a|^k, vanishing or exploding") {
  const V x = random_parameter({20, 1, 1}, 1);
  for (const double a : {0.5, -0.9, 1.0, 1.7}) {
    GradientNorms<double> norms;
    const V y = scan(linear_cell(row({a})), x, V({1, 1}, 0.0)).output;
    for (const index_t step : {19, 7, 0}) {
      const auto lags = norms.per_lag(sum(select(y, 0, step)), step);
      REQUIRE(lags.size() == 1);
      CHECK(lags[0].member == "h");
      CHECK(distance(lags[0].norms, powers(std::abs(a), static_cast<int>(step) + 1)) < tolerance);
    }
  }
}

TEST_CASE("gradient norms: per step, a loss over all steps adds up what each later step sends back") {
  const V x = random_parameter({6, 1, 1}, 2);
  GradientNorms<double> norms;
  const V loss = sum(scan(linear_cell(row({0.5})), x, V({1, 1}, 0.0)).output);
  std::vector<double> expected;  // Σ_{k ≤ 5−t} ½ᵏ
  for (int t = 0; t < 6; ++t) expected.push_back(2 - std::pow(0.5, 5 - t));
  CHECK(distance(norms.per_step(loss)[0].norms, expected) < tolerance);
}

TEST_CASE("gradient norms: over batch and units the norm is Euclidean") {
  const V x = random_parameter({4, 3, 5}, 3);
  GradientNorms<double> norms;
  const V y = scan(linear_cell(row({2})), x, V({3, 5}, 0.0)).output;
  const auto lags = norms.per_lag(sum(select(y, 0, -1)))[0].norms;
  for (std::size_t k = 0; k < 4; ++k) CHECK(std::abs(lags[k] - std::sqrt(15) * std::pow(2, k)) < 1e-12);
}

TEST_CASE("gradient norms: no square overflows or is lost") {
  for (const double size : {1e200, 1e-200}) {
    GradientNorms<double> norms;
    const V y = scan(linear_cell(row({1.0})), V({1, 1, 2}, 1.0), V({1, 2}, 0.0)).output;
    const auto series = norms.per_step(sum(y * V::from({3 * size, 4 * size})));
    CHECK(series[0].norms[0] / (5 * size) == doctest::Approx(1).epsilon(tolerance));
  }
}

TEST_CASE("gradient norms: measuring changes neither stored gradients nor the tape of the loss") {
  const Lstm<double> lstm(3, 4, {.num_layers = 2});
  const V x = random_parameter({5, 2, 3}, 4);
  const auto gradients = [&](bool measure) {
    for (auto& p : parameters(lstm)) p.variable.zero_grad();
    GradientNorms<double> norms;
    const V loss = sum(square(lstm(x).output));
    if (measure) norms.per_step(loss), norms.per_lag(loss);
    loss.backward();
    std::vector<double> all;
    for (auto& p : parameters(lstm))
      for (const double g : gradient_list(p.variable)) all.push_back(g);
    return all;
  };
  CHECK(distance(gradients(true), gradients(false)) < tolerance);
}

TEST_CASE("gradient norms: layers, directions and members of the state have series of their own") {
  const Lstm<double> lstm(3, 4, {.num_layers = 2, .bidirectional = true});
  const V x = random_parameter({5, 2, 3}, 5);
  GradientNorms<double> norms;
  const NameScope scope("encoder");
  const auto series = norms.per_step(sum(square(lstm(x, {.lengths = {5, 2}}).output)));
  REQUIRE(series.size() == 8);
  const char* layers[] = {"encoder, layer 0", "encoder, layer 0 reverse", "encoder, layer 1",
                          "encoder, layer 1 reverse"};
  for (std::size_t k = 0; k < 8; ++k) {
    CHECK(series[k].layer == layers[k / 2]);
    CHECK(series[k].member == (k % 2 == 0 ? "h" : "c"));
    REQUIRE(series[k].norms.size() == 5);
    for (const double n : series[k].norms) CHECK(n > 0);
  }
}

TEST_CASE("gradient norms: agree with finite differences of the loss in an LSTM's hidden state") {
  const LstmCell<double> cell(2, 1);
  const V x = random_parameter({4, 1, 2}, 6);
  const LstmState<double> zero = cell.initial_state(1);
  GradientNorms<double> norms;
  const auto loss_from = [&](index_t first, const LstmState<double>& s) {
    return sum(square(select(scan(cell, slice(x, 0, first), s).output, 0, -1)));
  };
  const auto series = norms.per_step(loss_from(0, zero));
  norms.clear();
  for (index_t t = 0; t < 3; ++t) {
    const NoGrad off;
    const LstmState<double> s = scan(cell, slice(x, 0, 0, t + 1), zero).state;
    const double e = 1e-5;
    const double up = loss_from(t + 1, {s.h + e, s.c}).item(),
                 down = loss_from(t + 1, {s.h + -e, s.c}).item();
    // Central differences: e² of the third derivative, and roundings / e.
    CHECK(std::abs(series[0].norms[static_cast<std::size_t>(t)] - std::abs(up - down) / (2 * e)) < 1e-9);
  }
}

TEST_CASE("gradient norms: only while it lives, and only what was kept") {
  const Elman<double> rnn(2, 3);
  const V x = random_parameter({3, 1, 2}, 7);
  {
    const GradientNorms<double> norms;
    CHECK(message_of<UsageError>([&] { norms.per_step(sum(x)); }) ==
          "gradient norms: no states were seen; run a layer or scan first");
  }
  GradientNorms<double> norms;
  const V loss = sum(rnn(x).output);
  CHECK_THROWS_WITH_AS(norms.per_lag(loss, 3), "gradient norms: need a step in 0 … 2, or −1; got 3",
                       IndexError);
  norms.clear();
  const V again = sum(rnn(x, {.segment = 2}).output);
  CHECK(message_of<UsageError>([&] { norms.per_step(again); }) ==
        "gradient norms: the states of layer 0 are not on the tape; scan without NoGrad and without "
        "recomputation");
}
