#include <doctest/doctest.h>

#include <functional>

#include "arrays.hpp"
#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/name_scope.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// h' = x + 0 log(x + shift), by two gates of one unit: NaN where x + shift < 0.
struct LogCell {
  using State = V;
  double shift = 100;
  V w = values({2, 1}, {1, 1}), u = values({2, 1}, {0, 0});

  index_t hidden_size() const { return 1; }
  void visit(auto&& v) { v("w", w), v("u", u); }
  State step(const V& x, const State& h) const {
    const auto [a, b] = chunk<2>(V(linear(x, w) + linear(h, u)));
    return a + log(b + shift) * 0.0;
  }
};

/// One value for each of T steps, for two sequences.
V series(const std::vector<double>& x) {
  std::vector<double> both;
  for (const double v : x) both.insert(both.end(), {1, v});
  return values({static_cast<index_t>(x.size()), 2, 1}, both);
}

/// Two layers, of which the second breaks where x < −shift.
Recurrent<LogCell> stack_that_breaks(double shift) {
  Recurrent<LogCell> rnn(1, [](index_t) { return LogCell(); }, {.num_layers = 2});
  rnn.cell(1).shift = shift;
  return rnn;
}

/// What anomaly mode says, up to `end`.
template <class F>
std::string anomaly(F&& f, std::string_view end = " made") {
  const AnomalyMode on(true);
  const std::string message = message_of<UsageError>(f);
  return message.substr(0, message.find(end));
}

void set(V p, index_t first, index_t last, double value) {
  p.update([&](auto& w) { std::fill(w.begin() + first, w.begin() + last, value); });
}

}  // namespace

TEST_CASE("name scopes: nest, with numbers and suffixes, and end") {
  CHECK(NameScope::path() == "");
  {
    const NameScope outer("encoder"), inner("layer", 2, " reverse");
    CHECK(NameScope::path() == "encoder, layer 2 reverse");
  }
  CHECK(NameScope::path() == "");
}

TEST_CASE("anomaly mode: in a stack a NaN is reported as layer, step, gate and op") {
  const auto rnn = stack_that_breaks(4);
  const V x = series({0, 2, -3, -5, -6});
  CHECK_NOTHROW(rnn(x));
  const char* expected = "anomaly: layer 1, step 3, gate 2 of 2: log in add(x, mul(log(add(x, c)), c))";
  CHECK(anomaly([&] { rnn(x); }) == expected);
  CHECK(anomaly([&] { rnn(x, {.lengths = {3, 5}}); }) == expected);
  CHECK(anomaly([&] { rnn(x, {.segment = 2}); }) == expected);
  const NameScope scope("decoder");
  CHECK(anomaly([&] { rnn(x); }, ", gate") == "anomaly: decoder, layer 1, step 3");
  const NoGrad off;
  CHECK(anomaly([&] { rnn(x); }, ", gate") == "anomaly: decoder, layer 1, step 3");
}

TEST_CASE("anomaly mode: in reverse steps count from the end") {
  const LogCell cell{.shift = 4};
  const V x = series({0, -5, 2, 3, 1});
  CHECK(anomaly(
            [&] {
              scan(cell, x, V({2, 1}, 0.0), {.reverse = true});
            },
            ", gate") == "anomaly: step 3 from the end");
  CHECK(anomaly(
            [&] {
              scan(cell, x, V({2, 1}, 0.0), {.reverse = true, .lengths = {5, 3}});
            },
            ", gate") == "anomaly: step 1 from the end");
}

TEST_CASE("anomaly mode: an overflow in a product is of the gate in whose columns it is") {
  const Lstm<double> lstm(2, 3);
  auto cell = Lstm<double>(lstm).cell(0);
  set(cell.bias_ih, 0, 12, 20);       // all gates open: h = tanh(1) after the first step
  set(cell.weight_hh, 9, 18, 1e308);  // those of f
  const V x({4, 2, 2}, 0.1);
  CHECK(anomaly([&] { lstm(x); }) == "anomaly: layer 0, step 1, gate f: add_linear");
  set(cell.weight_hh, 9, 27, 1e308);  // of f and g: no gate alone
  CHECK(anomaly([&] { lstm(x); }) == "anomaly: layer 0, step 1: add_linear");
}

TEST_CASE("anomaly mode: an overflow in the projection of all inputs is told with its time") {
  const Lstm<double> lstm(2, 3);
  set(Lstm<double>(lstm).cell(0).weight_ih, 18, 24, 1e308);  // of o
  V x({5, 2, 2}, 0.1);
  set(x, 8, 10, 10);  // time 2
  CHECK(anomaly([&] { lstm(x); }) == "anomaly: layer 0, projection at time 2, gate o: linear");
}

TEST_CASE("anomaly mode: backward names the step and the gate whose gradient went bad") {
  const V w = values({2, 1}, {1, 1}), u = values({2, 1}, {0, 0});
  const auto cell = [&](const V& x, const V& h) -> V {
    const auto [a, b] = chunk<2>(V(linear(x, w) + linear(h, u)));
    return a + sqrt(b);
  };
  const V x = series({4, 1, 0, 9});
  const char* expected = "anomaly: step 2, gate 2 of 2: backward of add(x, sqrt(x))";
  for (const index_t segment : {0, 2}) {
    CHECK(anomaly([&] {
            sum(scan(cell, x, V({2, 1}, 0.0), {.segment = segment}).output).backward();
          }) == expected);
  }
  CHECK(detail::Tape<double>::local().contexts().empty());
}
