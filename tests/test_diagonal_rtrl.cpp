#include "unroll/layers/diagonal_rtrl.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lru.hpp"
#include "unroll/layers/min_gru.hpp"
#include "unroll/layers/min_lstm.hpp"
#include "unroll/layers/rtrl.hpp"
#include "unroll/layers/rtu.hpp"

using namespace unroll;
using namespace unroll::tests;
using V = Variable<double>;

namespace {

std::vector<std::vector<double>> taken_gradients(const auto& module) {
  std::vector<std::vector<double>> all;
  for (auto& p : parameters(module)) {
    all.push_back(p.variable.has_grad() ? gradient_list(p.variable) : std::vector<double>{});
    p.variable.zero_grad();
  }
  return all;
}

void check_same(const std::vector<std::vector<double>>& a, const std::vector<std::vector<double>>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t k = 0; k < a.size(); ++k) {
    CAPTURE(k);
    CHECK(std::any_of(a[k].begin(), a[k].end(), [](double g) { return std::abs(g) > 1e-3; }));
    CHECK(distance(a[k], b[k]) < 1e-10);  // sums of some hundred products, in another order
  }
}

/// The gradients of all steps' losses add up to those of BPTT, for sequences of one and of three.
template <class Cell>
void equals_bptt(const Cell& cell) {
  for (index_t batch : {1, 3}) {
    CAPTURE(batch);
    const index_t T = 12;
    const V xs = random_parameter({T, batch, cell.input_size()}, 1).detach();
    const auto start = map_state(initial_state(cell, batch),
                                 [](const V& v) { return random_parameter(v.shape(), 9).detach(); });
    Generator rng(4);
    const V weights = randn<double>({T, batch, output_of(start).shape().back(0)}, rng);
    const auto loss = [&](const V& h, index_t t) { return sum(square(h) * select(weights, 0, t)); };
    DiagonalRtrl rtrl(cell, start);
    for (index_t t = 0; t < T; ++t) rtrl.backward(loss(rtrl.step(select(xs, 0, t)), t));
    const auto online = taken_gradients(cell);
    const V hs = scan(cell, xs, start).output;
    sum(square(hs) * weights).backward();
    check_same(taken_gradients(cell), online);
  }
}

template <class Cell>
Cell drawn_cell(index_t input, index_t hidden) {
  Generator rng(5);
  return Cell(input, hidden, true, rng);
}

}  // namespace

TEST_CASE("diagonal_rtrl: the gradients of all steps are those of back-propagation through time") {
  equals_bptt(drawn_cell<RtuCell<double>>(3, 4));
  equals_bptt(drawn_cell<LruCell<double>>(3, 3));
  equals_bptt(drawn_cell<MinGruCell<double>>(3, 4));
  equals_bptt(drawn_cell<MinLstmCell<double>>(3, 4));
}

TEST_CASE("diagonal_rtrl: agrees with Rtrl while parameters change") {
  const auto run = [](auto make) {
    const auto cell = drawn_cell<MinGruCell<double>>(2, 3);
    auto rtrl = make(cell);
    const V xs = random_parameter({30, 1, 2}, 1).detach();
    for (index_t t = 0; t < 30; ++t) {
      rtrl.backward(sum(square(rtrl.step(select(xs, 0, t)))));
      for (auto& p : parameters(cell)) {
        const V g(p.variable.grad());
        p.variable.update([&](auto& w) {
          for (index_t i = 0; i < g.size(); ++i) w.data()[i] -= 0.1 * g.data()[i];
        });
        p.variable.zero_grad();
      }
    }
    return list(output_of(rtrl.state()));
  };
  const auto start = [](const auto& cell) { return initial_state(cell, 1); };
  CHECK(distance(run([&](const auto& cell) { return DiagonalRtrl(cell, start(cell)); }),
                 run([&](const auto& cell) { return Rtrl(cell, start(cell)); })) < 1e-10);
}

TEST_CASE("diagonal_rtrl: a stream leaves nothing on the tape") {
  const auto cell = drawn_cell<RtuCell<double>>(2, 4);
  DiagonalRtrl rtrl(cell, initial_state(cell, 1));
  const V x = random_parameter({1, 2}, 1).detach();
  rtrl.backward(sum(rtrl.step(x)));
  const auto before = tape_stats<double>().live;
  for (int t = 0; t < 100; ++t) rtrl.backward(sum(rtrl.step(x)));
  CHECK(tape_stats<double>().live == before);
  CHECK(rtrl.parameter_count() == 4 + 4 + 16);
}

namespace {

/// Its decay is one number for all units.
struct SharedDecay {
  using value_type = double;
  using State = V;
  V w = random_parameter({4, 2}, 1), decay = random_parameter({1}, 2);
  index_t hidden_size() const { return 4; }
  auto coefficients(const V& x) const {
    return LinearCoefficients<double>{sigmoid(decay) * V({4}, 1.0), linear(x, w)};
  }
  template <class F>
  void visit(F&& f) {
    f("w", w), f("decay", decay);
  }
};

/// Its units see each other's weights.
struct Mixing {
  using value_type = double;
  using State = V;
  V w = random_parameter({4, 2}, 1), mix = random_parameter({4, 4}, 2);
  index_t hidden_size() const { return 4; }
  auto coefficients(const V& x) const {
    return LinearCoefficients<double>{V({4}, 0.5), linear(Variable<double>(linear(x, w)), mix)};
  }
  template <class F>
  void visit(F&& f) {
    f("w", w), f("mix", mix);
  }
};

}  // namespace

TEST_CASE("diagonal_rtrl: refuses a cell whose parameters act on several units, and changes nothing") {
  const V x = random_parameter({1, 2}, 3).detach();
  DiagonalRtrl shared(SharedDecay{}, V({1, 4}, 0.0));
  CHECK(
      message_of<UsageError>([&] { shared.step(x); }) ==
      "diagonal_rtrl: parameter decay (1,) does not have a row for each of 4 units; learn this cell by Rtrl");
  DiagonalRtrl mixing(Mixing{}, V({1, 4}, 0.0));
  CHECK(message_of<UsageError>([&] { mixing.step(x); }) ==
        "diagonal_rtrl: parameter w (4, 2) acts on other units than its rows; learn this cell by Rtrl");
  CHECK(list(output_of(mixing.state())) == std::vector<double>(4, 0.0));
  const NoGrad off;
  CHECK_THROWS_AS(DiagonalRtrl(drawn_cell<MinGruCell<double>>(2, 4), V({1, 4}, 0.0)).step(x), UsageError);
}
