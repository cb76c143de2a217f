#include "unroll/detail/layers/cells/projection_check.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/recurrent.hpp"
#include "unroll/layers/stream.hpp"
#include "unroll/layers/truncated_bptt.hpp"

// A projection must treat each time step alone.

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

struct Base {
  using value_type = double;
  using State = V;
  V w = random_parameter({2, 2}, 1);
  index_t hidden_size() const { return 2; }
  V step(const V& x, const V& h) const { return tanh(x + 0.5 * h); }
  void visit(auto&& v) { v("w", w); }
};

/// xs one step later.
V delayed(const V& xs) {
  const V none(xs.shape().with(0, 1), 0.0);
  return concat<double>({none, slice(xs, 0, 0, xs.shape()[0] - 1)}, 0);
}

struct Causal : Base {
  V project(const V& xs) const { return linear(V(xs + 0.5 * delayed(xs)), w); }
};
struct Centred : Base {
  V project(const V& xs) const { return linear(V(xs - mean(xs, {0})), w); }
};
/// Adds to each step what depends on its place.
struct Placed : Base {
  V project(const V& xs) const {
    std::vector<V> all;
    for (index_t t = 0; t < xs.shape()[0]; ++t) all.push_back(select(xs, 0, t) + static_cast<double>(t));
    return linear(stack(all), w);
  }
};
struct Alone : Base {
  V project(const V& xs) const { return linear(xs, w); }
};
struct Dropping : Base {
  Dropout<double> drop = Dropout<double>(0.5, RandomKey{.seed = 3});
  V project(const V& xs) const { return linear(drop(xs), w); }
  void visit(auto&& v) { Base::visit(v), v("drop", drop); }
};

const V x = random_parameter({6, 3, 2}, 5).detach(), h0({3, 2}, 0.0);
const char* const message =
    "scan: project() of the cell mixes time steps, or depends on their place: of half of the steps it makes "
    "something else than of all. It must treat each step alone; do the rest before the layer";

template <class Cell>
void is_refused() {
  const Cell cell;
  CHECK(scan(cell, x, h0).output.shape() == Shape{6, 3, 2});
  for (const ScanOptions& options : {ScanOptions{.segment = 2}, ScanOptions{.lengths = {6, 2, 4}},
                                     ScanOptions{.segment = ScanOptions::square_root}})
    CHECK_THROWS_WITH_AS(scan(cell, x, h0, options), message, UsageError);
  const Recurrent layer(2, [](index_t) { return Cell(); });
  CHECK(layer(x).output.shape() == Shape{6, 3, 2});
  CHECK_THROWS_WITH_AS(layer(x, {.lengths = {6, 2, 4}}), message, UsageError);
}

}  // namespace

TEST_CASE("projection: one that mixes time steps, or counts them, is refused where steps are divided") {
  is_refused<Causal>();
  is_refused<Centred>();
  is_refused<Placed>();
}

TEST_CASE("projection: one that mixes time steps is refused where steps come one by one, or in windows") {
  const Recurrent layer(2, [](index_t) { return Causal(); });
  auto live = stream(layer, 3);
  CHECK_THROWS_WITH_AS(live.step(select(x, 0, 1)), message, UsageError);
  TruncatedBptt by_step(Causal(), h0, {.k1 = 2, .k2 = 2});
  CHECK_THROWS_WITH_AS(by_step.step(select(x, 0, 1)), message, UsageError);
  TruncatedBptt by_window(Causal(), h0, {.k1 = 3, .k2 = 3});
  CHECK_THROWS_WITH_AS(by_window.run(slice(x, 0, 0, 3)), message, UsageError);
}

TEST_CASE("projection: one that treats each step alone passes, and so does one with dropout") {
  const Alone cell;
  CHECK(list(scan(cell, x, h0, {.segment = 2}).output) == list(scan(cell, x, h0).output));
  const Dropping dropping;
  CHECK(scan(dropping, x, h0, {.lengths = {6, 2, 4}}).output.shape() == Shape{6, 3, 2});
  CHECK(dropping.drop.key().step == 1);  // the check counted for itself
  CHECK(dropping.drop.training());
}

TEST_CASE("projection: zeros at the seam tell nothing, and the check comes again") {
  using F = std::function<V(const V&)>;
  const Causal causal;
  const F mixes = [&](const V& xs) { return causal.project(xs); };
  CHECK_FALSE(detail::projects_steps_alone<double>(mixes, V({4, 2, 2}, 0.0), false));
  CHECK_FALSE(detail::projects_steps_alone<double>(mixes, slice(x, 0, 0, 1), false));
  CHECK_THROWS_AS(detail::projects_steps_alone<double>(mixes, x, false), UsageError);
  CHECK(detail::projects_steps_alone<double>(F([](const V& xs) -> V { return xs * 2.0; }), x, false));
}
