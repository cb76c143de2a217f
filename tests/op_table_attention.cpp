#include <cmath>

#include "op_table_rows.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/linear_attention.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/solve_triangular.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {

namespace {

/// Lower, as it is: row by row.
Plain solved(const Ps& xs) {
  const Plain& a = xs[0];
  Plain x = xs[1];
  const index_t n = x.shape.back(1), m = x.shape.back(0);
  for (index_t i = 0; i < x.shape.size(); ++i) {
    const index_t matrix = a.shape.rank() == 2 ? 0 : i / (n * m) * n * n, r = i / m % n;
    for (index_t j = 0; j < r; ++j) x[i] -= a[matrix + r * n + j] * x[i - (r - j) * m];
    x[i] /= a[matrix + r * n + r];
  }
  return x;
}

V with_large_diagonal(const Shape& shape, std::uint64_t seed) {
  V a = in(shape, seed);
  const index_t n = shape.back(0);
  for (index_t i = 0; i < a.size(); ++i)
    if (i % (n * n) % (n + 1) == 0) a.mutable_data()[i] += 2;
  return a;
}

/// Gated delta, a step at a time; xs are q, k, v, decay, beta.
Plain gated_delta(const Ps& xs) {
  const Plain& v = xs[2];
  const index_t heads = v.shape[1] * v.shape[2], keys = xs[0].shape[3], width = v.shape[3];
  Plain o(v.shape);
  std::vector<double> s(static_cast<std::size_t>(heads * keys * width));
  for (index_t i = 0; i < v.shape.size(); ++i) {  // an element of v changes a column of the state
    const index_t row = i / width, head = row % heads, c = i % width;
    const auto at = [&](index_t d) -> double& {
      return s[static_cast<std::size_t>((head * keys + d) * width + c)];
    };
    double error = v[i];
    for (index_t d = 0; d < keys; ++d) {
      at(d) *= std::exp(xs[3][row]);
      error -= at(d) * xs[1][row * keys + d];
    }
    for (index_t d = 0; d < keys; ++d) {
      at(d) += xs[4][row] * xs[1][row * keys + d] * error;
      o[i] += at(d) * xs[0][row * keys + d] / std::sqrt(static_cast<double>(keys));
    }
  }
  return o;
}

}  // namespace

Row row_of(Tag<ArrayOp::solve_triangular>) {
  Row row{"solve_triangular", {}, {}, -1, {}};
  const auto f = [](const auto& xs) { return solve_triangular(xs[0], xs[1]); };
  for (const Shape& s : {Shape{3, 3}, Shape{1, 1}, Shape{0, 2, 2}, Shape{2, 1, 2, 2, 2}}) {
    const Shape b = s.with(s.rank() - 1, 4);
    row.cases.push_back(make_case(s.str(), f, solved, {with_large_diagonal(s, 1), in(b, 2)}));
  }
  row.cases.push_back(
      make_case("one matrix for all", f, solved, {with_large_diagonal({3, 3}, 3), in({2, 3, 2}, 4)}));
  row.cases.push_back(make_case(
      "a view with gaps", [](const auto& xs) { return solve_triangular(xs[0], slice(xs[1], 1, 1, 3)); },
      [](const Ps& xs) {
        return solved({xs[0], interpret({Do::slice, {0}, {1, 1, 3}}, {xs[1]})[0]});
      },
      {with_large_diagonal({2, 2}, 5), in({2, 4}, 6)}));
  const V x(Shape{2, 3}, 1);
  row.mistakes = {{[x] { solve_triangular(x, x); }, "solve_triangular: "},
                  {[] {
                     solve_triangular(V({2, 2}, 0), V({2, 1}, 1));
                   },
                   "solve_triangular: "},
                  {[] { solve_triangular(V(), V()); }, "solve_triangular: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::linear_attention>) {
  Row row{"linear_attention", {}, {}, -1, {}};
  const auto f = [](const auto& xs) {
    return linear_attention(
               xs[0], xs[1], xs[2],
               {.decay = xs[3], .beta = xs[4], .rule = LinearAttentionRule::gated_delta, .chunk = 2})
        .output;
  };
  for (const Shape& s : {Shape{3, 2, 1, 2}, Shape{1, 1, 1, 1}, Shape{0, 2, 1, 2}, Shape{5, 1, 2, 3}})
    row.cases.push_back(make_case(
        s.str(), f, gated_delta,
        {in(s, 1), in(s, 2), in(s.with(3, 2), 3), in(s.without(3), 4, -1, -0.1), in(s.without(3), 5)}));
  const V x(Shape{2, 1, 1, 2}, 1), one(Shape{2, 1, 1}, 1);
  using R = LinearAttentionRule;
  row.mistakes = {
      {[x] {
         linear_attention(x, V({2, 1, 1, 3}, 1), x);
       },
       "linear_attention: "},
      {[x, one] { linear_attention(x, x, x, {.decay = one, .rule = R::gated}); }, "linear_attention: "},
      {[x] { linear_attention(x, x, x, {.chunk = 0}); }, "linear_attention: "},
      {[x] { linear_attention(V(), x, x); }, "linear_attention: argument 1 is an empty Variable"}};
  return row;
}

}  // namespace unroll::tests
