#include <doctest/doctest.h>

#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/xtensor.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/scan.hpp"

using namespace unroll;
using V = Variable<double>;

namespace {

V random(const Shape& shape, Generator& rng) {
  V v = V::uninitialised(shape);
  for (index_t i = 0; i < v.size(); ++i) v.mutable_data()[i] = rng.uniform(-1, 1);
  return v.requires_grad(true);
}

// The same loop by hand, with nothing but ops.
template <class Cell, class S>
std::pair<V, S> by_hand(const Cell& cell, const V& x, S s) {
  std::vector<V> hs;
  for (const V& xt : unbind(x)) {
    s = cell(xt, s);
    hs.push_back(output_of(s));
  }
  return {stack(hs), s};
}

// A cell that projects, and reads its slice of the projection in every way that could go wrong.
struct Reader {
  V w, u;
  int variant = 0;
  V project(const V& x) const { return linear(x, w); }
  V step(const V& x, const V& h) const {
    if (variant == 0) return tanh(x + linear(h, u));                  // may take x's memory
    if (variant == 1) return tanh(x * 0.5) + tanh(x + linear(h, u));  // x is read before
    Variable g = x + linear(h, u);
    if (variant == 2) return tanh(g) * x;                                 // x is read after
    if (variant == 3) return tanh(g) + tanh(Variable(x + linear(h, u)));  // x is used up twice
    const V copy = x;                                                     // another handle
    return tanh(g) + copy;
  }
};

}  // namespace

TEST_CASE("scan: a lambda gives the same as a loop by hand, values and gradients") {
  Generator rng(1);
  const V x = random({6, 2, 3}, rng), h0 = random({2, 3}, rng), w = random({3, 3}, rng);
  const auto cell = [&](const V& xt, const V& h) -> V { return tanh(linear(h, w) + xt) * 0.9; };
  const auto scanned = scan(cell, x, h0);
  const auto [y, last] = by_hand(cell, x, h0);
  CHECK(xt::allclose(scanned.output.value(), y.value(), 0, 0));
  CHECK(xt::allclose(scanned.state.value(), last.value(), 0, 0));
  const V weights = random(y.shape(), rng).detach();
  const auto a = grad<double>({sum(scanned.output * weights)}, {x, h0, w});
  const auto b = grad<double>({sum(y * weights)}, {x, h0, w});
  for (std::size_t k = 0; k < a.size(); ++k)  // sums in another order
    CHECK(xt::allclose(a[k].value(), b[k].value(), 1e-13, 1e-14));
}

TEST_CASE("scan: a cell may read its slice of the projection before, after and twice") {
  for (int variant = 0; variant < 5; ++variant) {
    CAPTURE(variant);
    Generator rng(2);
    const Reader cell{random({3, 2}, rng), random({3, 3}, rng), variant};
    const V x = random({4, 2, 2}, rng), h0 = random({2, 3}, rng);
    gradcheck([&](const auto&) { return scan(cell, x, h0).output; }, {x, h0, cell.w, cell.u});
    // Against a cell that works on copies.
    const auto plain = [&](const V& xt, const V& h) { return cell.step(V(linear(xt, cell.w)) * 1.0, h); };
    CHECK(xt::allclose(scan(cell, x, h0).output.value(), by_hand(plain, x, h0).first.value(), 1e-13, 1e-14));
  }
}

TEST_CASE("scan: the output, single steps and the final state may all be used in one loss") {
  Generator rng(3);
  LstmCell<double> cell(2, 3, true, rng);
  const V x = random({5, 2, 2}, rng);
  const LstmState<double> s0{random({2, 3}, rng), random({2, 3}, rng)};
  gradcheck(
      [&](const auto&) -> V {
        const auto [y, s] = scan(cell, x, s0);
        return sum(y * y) + sum(select(y, 0, 1) * s.h) + sum(s.c * slice(y, 0, 2, 3));
      },
      {x, s0.h, s0.c, cell.weight_ih, cell.weight_hh, cell.bias_ih});
}

TEST_CASE("scan: a step that hands its state on unchanged, or returns its input, is right") {
  Generator rng(4);
  const V x = random({4, 2, 3}, rng), h0 = random({2, 3}, rng);
  gradcheck([&](const auto&) { return scan([](const V&, const V& h) { return h; }, x, h0).output; }, {h0});
  gradcheck([&](const auto&) { return scan([](const V& xt, const V&) { return xt; }, x, h0).output; }, {x});
}

TEST_CASE("scan: steps that compute their result in different ways still land in their slices") {
  Generator rng(5);
  const V x = random({5, 2, 3}, rng), h0 = random({2, 3}, rng);
  int t = 0;
  const auto cell = [&](const V& xt, const V& h) -> V {
    if (t++ % 2 == 0) return xt * h;
    V extra = tanh(h);
    return extra * xt;
  };
  const auto f = [&](const auto&) {
    t = 0;
    return scan(cell, x, h0).output;
  };
  gradcheck(f, {x, h0});
}

TEST_CASE("scan: grad() of the output itself stops at the output") {
  Generator rng(8);
  const V x = random({5, 2, 3}, rng), u = random({3, 3}, rng), h0 = random({2, 3}, rng);
  const auto gradients = [&](const GradOptions& options) {
    const auto cell = [&](const V& xt, const V& h) -> V { return tanh(xt + linear(h, u)); };
    const V y = scan(cell, x, h0).output;
    const auto g = grad<double>({sum(square(y))}, {y, u}, options);
    CHECK(xt::allclose(g[0].value(), 2.0 * y.value(), 1e-15, 1e-15));  // not what earlier steps lead to
    return g[1];
  };
  const V once = gradients({}), kept = gradients({.retain_graph = true});
  CHECK(xt::allclose(once.value(), kept.value(), 1e-14, 1e-14));
}

TEST_CASE("scan: the sum that took the place of its slice of the projection may show its gradient") {
  Generator rng(9);
  const V x = random({4, 2, 3}, rng), w = random({3, 3}, rng), u = random({3, 3}, rng);
  struct Cell {
    V w, u;
    bool before = false;  // whether the product of x is done before the loop
    std::vector<V>* sums = nullptr;
    V project(const V& xs) const { return before ? V(linear(xs, w)) : xs; }
    V step(const V& xt, const V& h) const {
      V a = before ? V(xt + linear(h, u)) : V(linear(xt, w) + linear(h, u));
      sums->push_back(a.retain_grad());
      return tanh(a);
    }
  };
  std::vector<V> taken, plain;
  const V h0({2, 3}, 0.5);
  sum(square(scan(Cell{w, u, true, &taken}, x, h0).output)).backward();
  sum(square(scan(Cell{w, u, false, &plain}, x, h0).output)).backward();
  for (std::size_t t = 0; t < 4; ++t) CHECK(xt::allclose(taken[t].grad(), plain[t].grad(), 1e-13, 1e-13));

  std::vector<V> asked;
  const V loss = sum(square(scan(Cell{w, u, true, &asked}, x, h0).output));
  const auto g = grad<double>({loss}, {asked[0], asked[3], x});
  CHECK(xt::allclose(g[0].value(), plain[0].grad(), 1e-13, 1e-13));
  CHECK(xt::allclose(g[1].value(), plain[3].grad(), 1e-13, 1e-13));
}

TEST_CASE("scan: in reverse, outputs stay at their own time") {
  Generator rng(6);
  const V x = random({3, 1, 2}, rng), h0 = random({1, 2}, rng);
  const auto cell = [](const V& xt, const V& h) -> V { return xt + h * 0.5; };
  const V y = scan(cell, x, h0, {.reverse = true}).output;
  const V last = x.value().shape()[0] == 3 ? select(x, 0, 2) : V();
  CHECK(xt::allclose(select(y, 0, 2).value(), last.value() + 0.5 * h0.value(), 0, 1e-15));
  gradcheck([&](const auto&) { return scan(cell, x, h0, {.reverse = true}).output; }, {x, h0});
}

TEST_CASE("scan: without gradients the values are the same, and nothing is recorded") {
  Generator rng(7);
  LstmCell<double> cell(2, 3, true, rng);
  const V x = random({5, 2, 2}, rng);
  const auto recorded = scan(cell, x, cell.initial_state(2));
  const auto before = tape_stats<double>().recorded;
  const NoGrad guard;
  const auto plain = scan(cell, x, cell.initial_state(2));
  CHECK(tape_stats<double>().recorded == before);
  CHECK(xt::allclose(plain.output.value(), recorded.output.value(), 0, 0));
}

TEST_CASE("scan: recomputation of a cell that cannot be copied is refused, however short the sequence is") {
  struct Alone {
    Alone() = default;
    Alone(const Alone&) = delete;
    V step(const V& xt, const V& h) const { return tanh(xt + h); }
  } const cell;
  const V x({3, 2, 2}, 0.1), h({2, 2}, 0.0);
  CHECK(scan(cell, x, h).output.shape() == Shape{3, 2, 2});
  for (index_t segment : {2, 100})
    CHECK_THROWS_WITH_AS(scan(cell, x, h, {.segment = segment}),
                         "scan: recomputation needs a cell that can be copied", UsageError);
}

TEST_CASE("scan: a state that changes its shape, an empty state and no steps are refused") {
  const V x({3, 2, 2}, 1.0), h({2, 2}, 0.0);
  CHECK_THROWS_AS(scan(
                      [](const V& xt, const V&) -> V {
                        return concat<double>({xt, xt}, 1);
                      },
                      V({0, 2, 2}, 0.0), h),
                  UsageError);
  int t = 0;
  const auto grows = [&](const V& xt, const V&) -> V { return t++ == 0 ? xt : concat<double>({xt, xt}, 1); };
  CHECK_THROWS_WITH_AS(scan(grows, x, h),
                       "scan: the hidden state changed its shape from (2, 2) to (2, 4) after 1 steps",
                       ShapeError);
  CHECK_THROWS_AS(scan([](const V&, const V&) { return V(); }, x, h), UsageError);
  const char* const empty = "scan: the state is empty; initial_state(cell, B) gives one";
  CHECK_THROWS_WITH_AS(scan([](const V& xt, const V&) { return xt; }, x, V()), empty, UsageError);
  CHECK_THROWS_WITH_AS(scan(LstmCell<double>(2, 2), x, LstmState<double>{}), empty, UsageError);
  CHECK(scan([](const V& xt, const V&) { return xt; }, x, h).output.shape() ==
        x.shape());  // the tape is as good as new
}
