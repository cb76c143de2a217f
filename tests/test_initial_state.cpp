#include "unroll/layers/initial_state.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/scan.hpp"
#include "unroll/layers/truncated_bptt.hpp"

// Cells that say no more than they must, as those of docs/first_cell.md.

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

struct SizedCell {
  using State = V;
  V w = random_parameter({3, 2}, 1), u = random_parameter({3, 3}, 2);
  index_t hidden_size() const { return 3; }
  V step(const V& x, const V& h) const { return tanh(linear(x, w) + linear(h, u)); }
};

struct StartingCell : SizedCell {
  V initial_state(index_t batch) const { return V({batch, 3}, 0.5); }
};

const V xs = random_parameter({4, 2, 2}, 3);

}  // namespace

TEST_CASE("initial_state: zeros of the hidden size, or what the cell says") {
  CHECK(list(initial_state(SizedCell{}, 2)) == std::vector<double>(6, 0.0));
  CHECK(list(initial_state(StartingCell{}, 2)) == std::vector<double>(6, 0.5));
  const LstmState<double> s = initial_state(LstmCell<double>(2, 5), 3);
  CHECK(s.h.shape() == Shape{3, 5});
  CHECK(s.c.shape() == Shape{3, 5});
}

TEST_CASE("scan: without a state it begins from the cell's initial state") {
  const StartingCell cell;
  const V h0({2, 3}, 0.5);
  CHECK(list(scan(cell, xs).output) == list(scan(cell, xs, h0).output));
  const ScanOptions options{.reverse = true, .lengths = {1, 4}};
  CHECK(list(scan(cell, xs, options).output) == list(scan(cell, xs, h0, options).output));
  CHECK(list(scan(cell, xs, {.reverse = true}).state) == list(scan(cell, xs, h0, {.reverse = true}).state));
}

TEST_CASE("scan: without a state the input must have a batch") {
  const SizedCell cell;
  CHECK(message_of<ShapeError>([&] { scan(cell, V({4}, 1.0)); }) ==
        "scan: need xs (T, B, …) to begin from the initial state; got (4,)");
  CHECK(
      message_of<UsageError>([&] { scan(cell, V()); }).starts_with("scan: argument 2 is an empty Variable"));
}

TEST_CASE("truncated_bptt: begins from the initial state of a cell that has a size alone") {
  const SizedCell cell;
  TruncatedBptt bptt(cell, initial_state(cell, 2), {.k1 = 4, .k2 = 4});
  CHECK(list(bptt.run(xs)) == list(scan(cell, xs).output));
}
