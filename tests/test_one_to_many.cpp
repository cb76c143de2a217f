#include "cell_checks.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/one_to_many.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr index_t I = 2, H = 3, B = 2, T = 4;

template <class Cell>
Cell cell() {
  Cell c(I, H);
  scatter(c, 1);
  return c;
}

}  // namespace

TEST_CASE_TEMPLATE("one to many: every step is given the same input", Cell, LstmCell<double>,
                   GruCell<double>) {
  const Cell c = cell<Cell>();
  const V x = random_parameter({B, I}, 2);
  const auto start = random_state(c.initial_state(B), 3);
  const auto r = one_to_many(c, x, start, T);
  auto s = start;
  for (index_t t = 0; t < T; ++t) {
    s = c.step(c.project(x), s);
    CHECK(distance(list(select(r.output, 0, t)), list(output_of(s))) < 1e-15);  // products of other sizes
  }
  CHECK(distance(list(output_of(r.state)), list(output_of(s))) < 1e-15);
}

TEST_CASE("one to many: without an input it is zero, and the state alone says what comes") {
  const auto c = cell<LstmCell<double>>();
  const auto start = random_state(c.initial_state(B), 3);
  CHECK(list(one_to_many(c, start, T).output) == list(one_to_many(c, V({B, I}, 0.0), start, T).output));
  CHECK(list(one_to_many(c, start, T).output) != list(one_to_many(c, c.initial_state(B), T).output));
}

TEST_CASE("one to many: gradients pass the check in every way to run") {
  const auto c = cell<LstmCell<double>>();
  const V x = random_parameter({B, I}, 2);
  const auto start = random_state(c.initial_state(B), 3);
  std::vector<V> inputs = leaves(c);
  inputs.push_back(x);
  for (const V& v : members(start)) inputs.push_back(v);
  for (const ScanOptions& options : ways_to_run())
    gradcheck([&](const auto&) { return one_to_many(c, x, start, 3, options).output; }, inputs);
}

TEST_CASE("one to many: a lambda will do, and mistakes are named") {
  const auto sum_up = [](const V& x, const V& h) -> V { return x + h; };
  CHECK(list(one_to_many(sum_up, V({1, 1}, 2.0), V({1, 1}, 1.0), 3).output) == Vec{3, 5, 7});
  CHECK(message_of<UsageError>([&] {
          one_to_many(sum_up, V({1, 1}, 2.0), V({1, 1}, 1.0), 0);
        }) == "one_to_many: need steps ≥ 1; got 0");
  CHECK_THROWS_AS(one_to_many(sum_up, V(), V({1, 1}, 1.0), 3), UsageError);
}
