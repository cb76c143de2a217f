#include "op_table_rows.hpp"
#include "unroll/autograd/causal_conv1d.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {

namespace {

// Σ_j w_j x_{t − K + 1 + j} + b; what lies before the first step is in xs[3], if anything.
Plain convolved(const Ps& xs) {
  const Plain &x = xs[0], &w = xs[1];
  const bool full = w.shape.rank() == 3;
  const index_t T = x.shape[0], B = x.shape[1], I = x.shape[2], O = w.shape[0], K = w.shape.back(0);
  Plain y(Shape{T, B, O});
  const auto input = [&](index_t t, index_t b, index_t i) {
    return t >= 0 ? x[(t * B + b) * I + i] : xs.size() > 3 ? xs[3][((t + K - 1) * B + b) * I + i] : 0;
  };
  for (index_t k = 0; k < y.shape.size(); ++k) {
    const index_t t = k / (B * O), b = k / O % B, o = k % O;
    y[k] = xs.size() > 2 ? xs[2][o] : 0;
    for (index_t j = 0; j < K; ++j)
      for (index_t i = full ? 0 : o; i < (full ? I : o + 1); ++i)
        y[k] += w[((full ? o * I : 0) + i) * K + j] * input(t - K + 1 + j, b, i);
  }
  return y;
}

}  // namespace

Row row_of(Tag<ArrayOp::causal_conv1d>) {
  Row row{"causal_conv1d", {}, {}, -1, {}};
  const auto f = [](const auto& xs) { return causal_conv1d(xs[0], xs[1], xs[2]).output; };
  for (const auto& [x, w] : {std::pair<Shape, Shape>{{5, 2, 3}, {3, 4}},
                             {{1, 1, 1}, {1, 1}},
                             {{0, 2, 3}, {3, 2}},
                             {{2, 1, 3}, {3, 5}},
                             {{4, 2, 20}, {20, 3}},
                             {{5, 2, 3}, {4, 3, 2}},
                             {{3, 1, 2}, {1, 2, 5}}})
    row.cases.push_back(make_case(x.str() + " " + w.str(), f, convolved, {in(x), in(w, 2), in({w[0]}, 3)}));
  row.cases.push_back(make_case("no bias", [](const auto& xs) { return causal_conv1d(xs[0], xs[1]).output; },
                                convolved, {in({5, 2, 3}), in({3, 4}, 2)}));
  for (const Shape& w : {Shape{3, 3}, Shape{4, 3, 3}})
    row.cases.push_back(
        make_case("a state, " + w.str(),
                  [](const auto& xs) { return causal_conv1d(xs[0], xs[1], xs[2], {.state = xs[3]}).output; },
                  convolved, {in({4, 2, 3}), in(w, 2), in({w[0]}, 3), in({2, 2, 3}, 4)}));
  row.cases.push_back(make_case(
      "views with gaps",
      [](const auto& xs) { return causal_conv1d(chunk<2>(xs[0])[1], chunk<2>(xs[1])[1]).output; },
      [](const Ps& xs) {
        return convolved({right_half(xs[0]), right_half(xs[1])});
      },
      {in({4, 2, 6}), in({3, 4}, 2)}));
  row.mistakes = {{[] {
                     causal_conv1d(V(Shape{4, 3}, 1), V(Shape{3, 4}, 1));
                   },
                   "causal_conv1d: need x (T, B, I); got "},
                  {[] {
                     causal_conv1d(V(Shape{4, 2, 3}, 1), V(Shape{4, 3}, 1));
                   },
                   "causal_conv1d: need a weight "},
                  {[] {
                     causal_conv1d(V(Shape{4, 2, 3}, 1), V(Shape{3, 4}, 1), V(Shape{4}, 1));
                   },
                   "causal_conv1d: need a bias (3,)"},
                  {[] {
                     causal_conv1d(V(), V(Shape{3, 4}, 1));
                   },
                   "causal_conv1d: argument 1 is an empty Variable"}};
  return row;
}

}  // namespace unroll::tests
