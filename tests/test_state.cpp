#include "unroll/layers/state.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/layers/gradient_norms.hpp"
#include "unroll/layers/recurrent.hpp"
#include "unroll/layers/rtrl.hpp"
#include "unroll/layers/scan.hpp"
#include "unroll/layers/truncated_bptt.hpp"

// States of a user's own whose visit() does not show all that scan needs.

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// Its output is h, and visit() shows c alone.
struct HiddenOutput {
  V h, c;
  void visit(auto&& v) { v("c", c); }
};
struct HiddenOutputCell {
  using value_type = double;
  using State = HiddenOutput;
  V w = random_parameter({2, 2}, 1);
  index_t hidden_size() const { return 2; }
  State initial_state(index_t batch) const { return {V({batch, 2}, 0.0), V({batch, 2}, 0.0)}; }
  State step(const V& x, const State& s) const {
    V c = tanh(linear(s.c, w) + x);
    V h = c * 3.0;
    return {h, c};
  }
  void visit(auto&& v) { v("w", w); }
};
struct RowWiseCell : HiddenOutputCell {
  static constexpr bool row_wise = true;
};

/// h and c are shown; either may be empty at first, and counts as 0.
struct Both {
  V h, c;
  void visit(auto&& v) { v("h", h), v("c", c); }
};
struct Optional {
  V h, more;
  void visit(auto&& v) { v("h", h), v("more", more); }
};
const auto step_both = [](const V& x, const Both& s) -> Both {
  V c = s.c ? V(tanh(s.c + x)) : V(tanh(x));
  V h = s.h ? V(0.5 * s.h + c) : c;
  return {h, c};
};

const V x = random_parameter({6, 3, 2}, 5).detach(),
        zeros({3, 2}, 0.0), c0 = random_parameter({3, 2}, 6).detach();
const char* const not_shown =
    "scan: visit() of the state does not show its output; add v(\"h\", h), or what output() returns";

}  // namespace

TEST_CASE(
    "state: an output that visit() does not show is right in a plain scan, and refused elsewhere by name") {
  const HiddenOutputCell cell;
  const HiddenOutput first{zeros, c0};
  const auto plain = scan(cell, x, first);
  HiddenOutput s = first;
  for (index_t t = 0; t < 6; ++t) {
    s = cell.step(select(x, 0, t), s);
    CHECK(distance(list(select(plain.output, 0, t)), list(s.h)) == 0);
  }
  CHECK(list(scan(cell, x, first, {.lengths = {6, 6, 6}}).output) == list(plain.output));
  const auto refused = [&](const ScanOptions& options) {
    CHECK_THROWS_WITH_AS(scan(cell, x, first, options), not_shown, UsageError);
  };
  refused({.lengths = {6, 2, 4}});
  refused({.resets = Indices(Shape{6, 3}, std::vector<std::int64_t>(18, 0))});
  refused({.segment = 2});
  refused({.memory = 1});
  refused({.noise = {.zoneout = 0.5}});
}

TEST_CASE("state: an output that visit() does not show stays right where scan could divide the batch") {
  const RowWiseCell cell;  // four weights · 16,000 steps · 64 rows are enough to be worth two threads
  const V wide = random_parameter({16000, 64, 2}, 7).detach();
  const HiddenOutput first{V({64, 2}, 0.0), V({64, 2}, 0.0)};
  const V alone = scan(cell, wide, first).output;
  const int before = num_threads();
  set_num_threads(2);
  const V together = scan(cell, wide, first).output;
  set_num_threads(before);
  CHECK(list(alone) == list(together));
}

TEST_CASE("state: a layer and the ways of learning refuse an output that visit() does not show") {
  const Recurrent layer(2, [](index_t) { return HiddenOutputCell(); });
  CHECK_THROWS_WITH_AS(
      layer(x),
      "recurrent: visit() of the state does not show its output; add v(\"h\", h), or what output() returns",
      UsageError);
  const HiddenOutput first{zeros, c0};
  CHECK_THROWS_AS(TruncatedBptt(HiddenOutputCell(), first, {.k1 = 2, .k2 = 4}), UsageError);
  CHECK_THROWS_AS(Rtrl(HiddenOutputCell(), first), UsageError);
}

TEST_CASE("state: a member that is empty at first is right in a plain scan, and refused elsewhere by name") {
  const Both no_h{V(), c0}, no_c{zeros, V()};
  CHECK(list(scan(step_both, x, no_h).output) == list(scan(step_both, x, Both{zeros, c0}).output));
  CHECK(list(scan(step_both, x, no_c).output) == list(scan(step_both, x, Both{zeros, zeros}).output));
  const auto refused = [&](const Both& first, const char* message) {
    for (const ScanOptions& options :
         {ScanOptions{.segment = 2}, ScanOptions{.lengths = {6, 2, 4}},
          ScanOptions{.resets = Indices(Shape{6, 3}, std::vector<std::int64_t>(18, 0))}})
      CHECK_THROWS_WITH_AS(scan(step_both, x, first, options), message, UsageError);
  };
  refused(no_h, "scan: the output of the first state is empty; begin with zeros (B, H) instead");
  refused(
      no_c,
      "scan: the state's c is empty at first and not after a step, or the other way round; begin with zeros "
      "instead of an empty Variable, and return every member from step");
}

TEST_CASE("state: members that are there throughout, or never, need nothing") {
  const auto step = [](const V& xt, const Optional& s) -> Optional { return {V(tanh(xt + s.h)), s.more}; };
  for (const V& more : {V(), c0}) {
    const Optional first{zeros, more};
    CHECK(list(scan(step, x, first, {.segment = 2}).output) == list(scan(step, x, first).output));
  }
}

TEST_CASE("state: gradient norms refuse a state whose members come and go") {
  const GradientNorms<double> norms;
  const V w = random_parameter({2}, 3);
  const auto step = [&](const V& xt, const Both& s) { return step_both(V(xt * w), s); };
  CHECK_THROWS_AS(scan(step, x, Both{zeros, V()}), UsageError);
}
