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

/// What a use of linear_attention gives behind q, k and v: d decay, t beta, a and b, u bonus, s state.
template <class X>
const X* given_as(char letter, const std::string& given, const std::vector<X>& xs) {
  const std::size_t at = given.find(letter);
  return at == std::string::npos ? nullptr : &xs[3 + at];
}

/// The rules, a step at a time; the numbers of the output, then those of the state.
Plain attended(const Ps& xs, const std::string& given) {
  const Plain &q = xs[0], &k = xs[1], &v = xs[2];
  const Shape& shape = v.shape;
  const index_t rows = shape[1] * shape[2], keys = q.shape[3], width = shape[3];
  const auto read = [&](char letter, index_t i) { return (*given_as(letter, given, xs))[i]; };
  const auto has = [&](char letter) { return given_as(letter, given, xs) != nullptr; };
  const bool by_key = has('d') && given_as('d', given, xs)->shape.rank() == 4;
  Plain y(Shape{shape.size() + rows * keys * width});
  double* const state = y.x.data() + shape.size();
  for (index_t i = 0; has('s') && i < rows * keys * width; ++i) state[i] = read('s', i);
  for (index_t i = 0; i < shape.size(); ++i) {  // an element of v changes a column of the state
    const index_t row = i / width, head = row % rows, c = i % width;
    double held = 0, found = 0;
    for (index_t d = 0; d < keys; ++d) {
      double& s = state[(head * keys + d) * width + c];
      const index_t at = row * keys + d, heads = shape[2];
      if (has('u')) y[i] += q[at] * (s + read('u', head % heads * keys + d) * k[at] * v[i]);
      if (has('b')) held += read('b', at) * s;
      if (has('d')) s *= std::exp(read('d', by_key ? at : row));
      found += s * k[at];
    }
    const double strength = has('t') ? read('t', row) * (v[i] - found) : v[i];
    for (index_t d = 0; d < keys; ++d) {
      double& s = state[(head * keys + d) * width + c];
      s += k[row * keys + d] * strength + (has('a') ? read('a', row * keys + d) * held : 0);
      if (!has('u')) y[i] += s * q[row * keys + d];
    }
    y[i] /= std::sqrt(static_cast<double>(keys));
  }
  return y;
}

/// Use of a rule; without `whole` of the output alone.
Case attention_case(const Shape& s, LinearAttentionRule rule, const std::string& given, bool by_key,
                    bool whole) {
  std::vector<V> inputs{in(s, 1), in(s, 2), in(s.with(3, 2), 3)};
  for (const char letter : given) {
    const std::uint64_t seed = inputs.size() + 1;
    if (letter == 'd') inputs.push_back(in(by_key ? s : s.without(3), seed, -1, -0.1));
    if (letter == 't') inputs.push_back(in(s.without(3), seed));
    if (letter == 'a' || letter == 'b') inputs.push_back(in(s, seed));
    if (letter == 'u') inputs.push_back(in({s[2], s[3]}, seed));
    if (letter == 's') inputs.push_back(in({s[1], s[2], s[3], 2}, seed));
  }
  const auto f = [=]<class T>(const std::vector<Variable<T>>& xs) {
    const auto one = [&](char letter) {
      const Variable<T>* x = given_as(letter, given, xs);
      return x ? *x : Variable<T>();
    };
    const auto [o, state] = linear_attention(xs[0], xs[1], xs[2],
                                             {.decay = one('d'),
                                              .beta = one('t'),
                                              .a = one('a'),
                                              .b = one('b'),
                                              .bonus = one('u'),
                                              .state = one('s'),
                                              .rule = rule,
                                              .chunk = 2});
    return whole ? concat<T>({reshape(o, {-1}), reshape(state, {-1})}, 0) : o;
  };
  const auto reference = [=](const Ps& xs) {
    Plain y = attended(xs, given);
    if (whole) return y;
    Plain o(xs[2].shape);
    std::copy_n(y.x.begin(), o.x.size(), o.x.begin());
    return o;
  };
  return make_case(s.str() + " " + given + (by_key ? " by key" : ""), f, reference, inputs);
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
  using R = LinearAttentionRule;
  for (const Shape& s : {Shape{3, 2, 1, 2}, Shape{1, 1, 1, 1}, Shape{0, 2, 1, 2}, Shape{5, 1, 2, 3}})
    row.cases.push_back(attention_case(s, R::gated_delta, "dt", false, false));
  const Shape s{3, 1, 2, 2};
  row.cases.push_back(attention_case(s, R::linear, "s", false, true));
  row.cases.push_back(attention_case(s, R::gated, "dus", true, true));
  row.cases.push_back(attention_case(s, R::delta, "ts", false, true));
  row.cases.push_back(attention_case(s, R::gated_delta, "dts", true, true));
  row.cases.push_back(attention_case(s, R::rank_one, "dabs", true, true));
  const V x(Shape{2, 1, 1, 2}, 1), one(Shape{2, 1, 1}, 1);
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
