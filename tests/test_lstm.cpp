#include <doctest/doctest.h>

#include <cmath>

#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/xtensor.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using V = Variable<double>;

namespace {

V random(const Shape& shape, Generator& rng, bool requires_grad = true) {
  V v = V::uninitialised(shape);
  for (index_t i = 0; i < v.size(); ++i) v.mutable_data()[i] = rng.uniform(-1, 1);
  return v.requires_grad(requires_grad);
}

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// The equations of the LSTM on plain numbers, one sample, one layer.
struct PlainLstm {
  const LstmCell<double>& cell;
  std::vector<double> h, c;

  void step(const double* x) {
    const index_t H = cell.hidden_size(), I = cell.input_size();
    std::vector<double> gate(static_cast<std::size_t>(4 * H));
    for (index_t r = 0; r < 4 * H; ++r) {
      double s = cell.bias_ih.data()[r] + cell.bias_hh.data()[r];
      for (index_t k = 0; k < I; ++k) s += cell.weight_ih.data()[r * I + k] * x[k];
      for (index_t k = 0; k < H; ++k) s += cell.weight_hh.data()[r * H + k] * h[static_cast<std::size_t>(k)];
      gate[static_cast<std::size_t>(r)] = s;
    }
    for (std::size_t j = 0; j < static_cast<std::size_t>(H); ++j) {
      const auto n = static_cast<std::size_t>(H);
      c[j] = sigma(gate[n + j]) * c[j] + sigma(gate[j]) * std::tanh(gate[2 * n + j]);
      h[j] = sigma(gate[3 * n + j]) * std::tanh(c[j]);
    }
  }
};

std::vector<V> parameters_of(auto& module) {
  std::vector<V> ps;
  module.visit([&](std::string_view, auto& p) {
    if constexpr (std::is_same_v<std::decay_t<decltype(p)>, V>) {
      if (p) ps.push_back(p);
    }
  });
  return ps;
}

}  // namespace

TEST_CASE("lstm: scan equals the equations on plain numbers") {
  Generator rng(3);
  LstmCell<double> cell(3, 4, true, rng);
  const V x = random({5, 2, 3}, rng), h0 = random({2, 4}, rng), c0 = random({2, 4}, rng);
  const auto [y, state] = scan(cell, x, LstmState<double>{h0, c0});
  for (index_t b = 0; b < 2; ++b) {
    PlainLstm plain{
        cell, {h0.data() + 4 * b, h0.data() + 4 * b + 4}, {c0.data() + 4 * b, c0.data() + 4 * b + 4}};
    for (index_t t = 0; t < 5; ++t) {
      plain.step(x.data() + (2 * t + b) * 3);
      for (index_t j = 0; j < 4; ++j)  // a few roundings of numbers below 1
        CHECK(y.value()(t, b, j) == doctest::Approx(plain.h[static_cast<std::size_t>(j)]).epsilon(1e-13));
    }
    for (index_t j = 0; j < 4; ++j)
      CHECK(state.c.value()(b, j) == doctest::Approx(plain.c[static_cast<std::size_t>(j)]).epsilon(1e-13));
  }
}

TEST_CASE("lstm: all gradients of two layers pass the check, from non-zero initial states") {
  Generator rng(4);
  Lstm<double> lstm(3, 4, {.num_layers = 2}, rng);
  const V x = random({4, 2, 3}, rng), h0 = random({2, 2, 4}, rng), c0 = random({2, 2, 4}, rng);
  std::vector<V> inputs = parameters_of(lstm);
  inputs.insert(inputs.end(), {x, h0, c0});
  CHECK(inputs.size() == 11);
  gradcheck(
      [&](const auto&) -> std::vector<V> {
        auto [y, s] = lstm(x, {h0, c0});
        return {y, s.h, s.c};
      },
      inputs);
}

TEST_CASE("lstm: second-order gradients pass the check") {
  Generator rng(5);
  Lstm<double> lstm(2, 3, {}, rng);
  const V x = random({3, 2, 2}, rng), h0 = random({1, 2, 3}, rng), c0 = random({1, 2, 3}, rng);
  std::vector<V> inputs = parameters_of(lstm);
  inputs.insert(inputs.end(), {x, h0, c0});
  gradgradcheck([&](const auto&) { return lstm(x, {h0, c0}).output; }, inputs);
}

TEST_CASE("lstm: both directions pass the check, and the reverse one begins at the end") {
  Generator rng(6);
  Lstm<double> lstm(2, 3, {.num_layers = 2, .bidirectional = true}, rng);
  const V x = random({3, 2, 2}, rng);
  std::vector<V> inputs = parameters_of(lstm);
  inputs.push_back(x);
  gradcheck([&](const auto&) { return lstm(x).output; }, inputs);

  Lstm<double> one(2, 3, {.bidirectional = true}, rng);
  const V y = one(x).output;
  const auto backwards = scan(one.cell(0, 1), x, one.cell(0, 1).initial_state(2), {.reverse = true});
  CHECK(xt::allclose(xt::view(y.value(), xt::all(), xt::all(), xt::range(3, 6)), backwards.output.value(), 0,
                     0));
  CHECK(xt::allclose(xt::view(backwards.output.value(), 0), backwards.state.h.value(), 0, 0));
}

TEST_CASE("lstm: batch_first only exchanges the axes") {
  Generator rng(7), again(7);
  Lstm<double> lstm(2, 3, {}, rng), first(2, 3, {.batch_first = true}, again);
  const V x = random({4, 2, 2}, rng);
  const V y = lstm(x).output, z = first(permute(x, {1, 0, 2})).output;
  CHECK(xt::allclose(permute(z, {1, 0, 2}).value(), y.value(), 0, 0));
}

TEST_CASE("lstm: without bias there are two parameters, and the gradients pass the check") {
  Generator rng(8);
  Lstm<double> lstm(2, 3, {.bias = false}, rng);
  const V x = random({3, 2, 2}, rng);
  const std::vector<V> inputs = parameters_of(lstm);
  CHECK(inputs.size() == 2);
  gradcheck([&](const auto&) { return lstm(x).output; }, inputs);
}

TEST_CASE("lstm: dropout acts between the layers while training, with a new mask each time") {
  Generator rng(9);
  Lstm<double> lstm(2, 8, {.num_layers = 2, .dropout = 0.5}, rng);
  const V x = random({3, 2, 2}, rng, false);
  const V a = lstm(x).output, b = lstm(x).output;
  CHECK_FALSE(xt::allclose(a.value(), b.value()));
  lstm.visit([](std::string_view, auto& m) {
    if constexpr (std::is_same_v<std::decay_t<decltype(m)>, bool>) m = false;
  });
  CHECK(xt::allclose(lstm(x).output.value(), lstm(x).output.value(), 0, 0));
}

TEST_CASE("lstm: wrong shapes are named") {
  Generator rng(10);
  Lstm<double> lstm(3, 4, {.num_layers = 2}, rng);
  CHECK_THROWS_WITH_AS(lstm(V({5, 2, 4}, 0.0)), "recurrent: need x (T, B, 3); got (5, 2, 4)", ShapeError);
  CHECK_THROWS_WITH_AS(lstm(V({5, 2, 3}, 0.0), {V({2, 1, 4}, 0.0), V({2, 2, 4}, 0.0)}),
                       "recurrent: need the state's h as (2, 2, 4); got (2, 1, 4)", ShapeError);
  CHECK_THROWS_AS(lstm(V({0, 2, 3}, 0.0)), UsageError);
  CHECK_THROWS_AS(Lstm<double>(3, 4, {.num_layers = 0}, rng), UsageError);
  CHECK_THROWS_AS(Lstm<double>(3, 4, {.dropout = 1.0}, rng), UsageError);
  CHECK_THROWS_AS(Lstm<double>(0, 4, {}, rng), ShapeError);
}
