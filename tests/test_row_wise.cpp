#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/scan.hpp"

// A cell's word that no row of the batch depends on another.

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// Centres its state over the batch, and says that it does not.
struct Liar {
  using value_type = double;
  static constexpr bool row_wise = true;
  V w = random_parameter({2, 3}, 1);
  V step(const V& x, const V& h) const { return tanh(linear(x, w) + (h - mean(h, {0}))); }
  void visit(auto&& v) { v("w", w); }
};

/// Counts its steps.
struct Counting {
  using value_type = double;
  static constexpr bool row_wise = true;
  V w = random_parameter({2, 3}, 1);
  mutable std::uint64_t steps = 0;
  V step(const V& x, const V& h) const { return ++steps, V(tanh(linear(x, w) + h)); }
  void visit(auto&& v) { v("w", w), v("steps", steps); }
};

const V xs = random_parameter({3, 5, 3}, 8).detach(), h0 = random_parameter({5, 2}, 9).detach();

template <class Cell, class S>
bool checked(const Cell& cell, const S& state) {
  return detail::check_row_wise<double>(*detail::any_cell<double>(cell, state), xs,
                                        detail::members_of(state));
}

}  // namespace

TEST_CASE("row-wise: cells that keep their rows apart pass") {
  Generator rng(1);
  CHECK(checked(GruCell<double>(3, 2, true, rng), h0));
  CHECK(checked(LstmCell<double>(3, 2, true, rng), LstmCell<double>::State{h0, h0}));
}

TEST_CASE("row-wise: a cell that mixes rows is caught") {
  CHECK_THROWS_WITH_AS(
      checked(Liar(), h0),
      "scan: the cell says that it is row_wise, but a step on half of the batch differs from "
      "half of the step on all of it; remove row_wise, or keep the rows apart",
      UsageError);
}

TEST_CASE("row-wise: nothing can be said of one row, or of a state without rows") {
  const V one = slice(xs, 1, 0, 1);
  const V h = slice(h0, 0, 0, 1);
  CHECK_FALSE(detail::check_row_wise<double>(*detail::any_cell<double>(Liar(), h), one, {h}));
  const V scalar({}, 0.0);
  CHECK_FALSE(detail::check_row_wise<double>(*detail::any_cell<double>(Liar(), scalar), xs, {scalar}));
}

TEST_CASE("row-wise: what a cell counts is left as it was") {
  const Counting cell;
  CHECK(checked(cell, h0));
  CHECK(cell.steps == 0);
}

TEST_CASE("row-wise: builds with assertions check the first scan") {
#ifdef NDEBUG
  scan(Liar(), xs, h0);
#else
  CHECK_THROWS_AS(scan(Liar(), xs, h0), UsageError);
#endif
}
