#include "op_table_rows.hpp"
#include "unroll/autograd/custom.hpp"
#include "unroll/autograd/dropout.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/l2_normalise.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {

Row row_of(Tag<ArrayOp::matmul>) {
  Row row{"matmul", {}, {}, -1, {}};
  const auto f = [](const auto& xs) { return matmul(xs[0], xs[1]); };
  const auto reference = [](const Ps& xs) {
    const Plain &a = xs[0], &b = xs[1];
    const index_t m = a.shape.back(1), k = a.shape.back(0), n = b.shape.back(0);
    const Shape batch = broadcast("reference", Shape(a.shape.begin(), a.shape.end() - 2),
                                  Shape(b.shape.begin(), b.shape.end() - 2));
    Plain y(batch.inserted(batch.rank(), m).inserted(batch.rank() + 1, n));
    for (index_t i = 0; i < y.shape.size(); ++i) {
      std::vector<index_t> at = unravel(y.shape, i), left = at, right = at;
      for (index_t j = 0; j < k; ++j) {
        left.back() = j;
        right[right.size() - 2] = j;
        y[i] += a[ravel(a.shape, left)] * b[ravel(b.shape, right)];
      }
    }
    return y;
  };
  const std::pair<Shape, Shape> shapes[] = {
      {{3, 4}, {4, 5}},          {{1, 1}, {1, 1}},    {{1, 4}, {4, 1}},
      {{0, 4}, {4, 5}},          {{3, 0}, {0, 5}},    {{3, 4}, {4, 0}},
      {{2, 3, 4}, {2, 4, 5}},    {{2, 3, 4}, {4, 5}}, {{3, 4}, {2, 4, 5}},
      {{2, 1, 3, 4}, {3, 4, 2}}, {{0, 3, 4}, {4, 5}}, {{2, 1, 2, 2, 3}, {2, 1, 3, 2}},
      {{1, 2, 3}, {2, 3, 2}},    {{20, 30}, {30, 3}}};
  for (const auto& [a, b] : shapes)
    row.cases.push_back(make_case(a.str() + " " + b.str(), f, reference, {in(a, 1), in(b, 2)}));
  row.cases.push_back(make_case(
      "views with gaps", [](const auto& xs) { return matmul(chunk<2>(xs[0])[1], chunk<2>(xs[1])[1]); },
      [=](const Ps& xs) {
        return reference({right_half(xs[0]), right_half(xs[1])});
      },
      {in({3, 8}), in({4, 6}, 2)}));
  row.cases.push_back(make_case(
      "the same twice", [](const auto& xs) { return matmul(xs[0], xs[0]); },
      [=](const Ps& xs) {
        return reference({xs[0], xs[0]});
      },
      {in({3, 3})}));
  row.mistakes = {{[] {
                     matmul(V(Shape{3, 4}, 1), V(Shape{5, 6}, 1));
                   },
                   "matmul: need "},
                  {[] {
                     matmul(V(Shape{3}, 1), V(Shape{3, 6}, 1));
                   },
                   "matmul: need "},
                  {[] {
                     matmul(V(Shape{2, 3, 4}, 1), V(Shape{3, 4, 6}, 1));
                   },
                   "matmul: "},
                  {[] {
                     matmul(V(), V(Shape{3, 6}, 1));
                   },
                   "matmul: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::linear>) {
  Row row{"linear", {}, {}, -1, {}};
  const auto f = [](const auto& xs) { return linear(xs[0], xs[1], xs[2]); };
  for (const Shape& s :
       {Shape{4}, Shape{1, 4}, Shape{3, 4}, Shape{2, 3, 4}, Shape{0, 4}, Shape{1, 2, 1, 2, 4}, Shape{150, 4}})
    row.cases.push_back(make_case(s.str(), f, plain(Do::linear), {in(s), in({5, 4}, 2), in({5}, 3)}));
  row.cases.push_back(make_case("no bias", [](const auto& xs) { return linear(xs[0], xs[1]); },
                                plain(Do::linear), {in({3, 4}), in({5, 4}, 2)}));
  row.cases.push_back(make_case("no inputs", f, plain(Do::linear), {in({3, 0}), in({2, 0}, 2), in({2}, 3)}));
  row.cases.push_back(make_case(
      "of results", [](const auto& xs) { return linear(xs[0] * 1.0, xs[1] * 1.0, as_variable(xs[2] * 1.0)); },
      plain(Do::linear), {in({3, 4}), in({5, 4}, 2), in({5}, 3)}));
  row.cases.push_back(make_case(
      "sum of two and an array",
      [](const auto& xs) { return linear(xs[0], xs[1]) + linear(xs[2], xs[3]) + xs[4]; },
      plain(Do::two_linears), {in({3, 4}), in({5, 4}, 2), in({3, 2}, 3), in({5, 2}, 4), in({3, 5}, 5)}));
  row.cases.push_back(make_case(
      "added to an array", [](const auto& xs) { return xs[0] + linear(xs[1], xs[2], xs[3]); },
      [](const Ps& xs) {
        Plain y = plain(Do::linear)({xs[1], xs[2], xs[3]});
        for (std::size_t i = 0; i < y.x.size(); ++i) y.x[i] += xs[0].x[i];
        return y;
      },
      {in({3, 5}), in({3, 4}, 2), in({5, 4}, 3), in({5}, 4)}));
  row.cases.push_back(make_case(
      "view with gaps", [](const auto& xs) { return linear(chunk<2>(xs[0])[1], chunk<2>(xs[1])[1], xs[2]); },
      [](const Ps& xs) {
        return plain(Do::linear)({right_half(xs[0]), right_half(xs[1]), xs[2]});
      },
      {in({3, 8}), in({5, 8}, 2), in({5}, 3)}));
  // A weight by heads: block k of W makes outputs k of the inputs k mod heads.
  const auto by_heads = [](const Ps& xs) {
    const Plain &x = xs[0], &w = xs[1];
    const index_t inputs = w.shape.back(0), outputs = w.shape.back(1), heads = w.shape.back(2);
    const index_t blocks = w.shape.size() / (inputs * outputs), rows = x.shape.size() / (heads * inputs);
    Plain y(x.shape.with(x.shape.rank() - 1, blocks * outputs));
    for (index_t r = 0; r < rows; ++r)
      for (index_t k = 0; k < blocks * outputs; ++k) {
        double& to = y[r * blocks * outputs + k];
        to = xs.size() > 2 ? xs[2][k] : 0;
        for (index_t i = 0; i < inputs; ++i)
          to += w[k * inputs + i] * x[(r * heads + k / outputs % heads) * inputs + i];
      }
    return y;
  };
  for (const auto& [x, w] : {std::pair<Shape, Shape>{{3, 4}, {2, 5, 2}},
                             {{6}, {3, 1, 2}},
                             {{2, 3, 4}, {3, 2, 5, 2}},
                             {{1, 3}, {1, 2, 3}},
                             {{0, 4}, {2, 3, 2}},
                             {{150, 4}, {2, 2, 5, 2}}})
    row.cases.push_back(make_case("by heads " + x.str() + " " + w.str(), f, by_heads,
                                  {in(x), in(w, 2), in({w.size() / w.back(0)}, 3)}));
  row.cases.push_back(make_case("by heads, of results",
                                [](const auto& xs) { return linear(xs[0] * 1.0, as_variable(xs[1] * 1.0)); },
                                by_heads, {in({3, 4}), in({2, 2, 5, 2}, 2)}));
  row.mistakes = {{[] {
                     linear(V(Shape{3, 4}, 1), V(Shape{2, 5, 4}, 1));
                   },
                   "linear: need x (…, heads · I) and W (heads, O, I) or (G, heads, O, I); got "},
                  {[] {
                     linear(V(Shape{3, 0}, 1), V(Shape{0, 5, 4}, 1));
                   },
                   "linear: need x (…, heads · I) and W (heads, O, I) or (G, heads, O, I); got "},
                  {[] {
                     linear(V(Shape{3, 4}, 1), V(Shape{2, 5, 2}, 1), V(Shape{5}, 1));
                   },
                   "linear: need b (10,)"},
                  {[] {
                     linear(V(Shape{3, 4}, 1), V(Shape{5, 3}, 1));
                   },
                   "linear: need x (…, I) and W (O, I); got "},
                  {[] {
                     linear(V(Shape{3, 4}, 1), V(Shape{5, 4}, 1), V(Shape{4}, 1));
                   },
                   "linear: need b (5,)"},
                  {[] {
                     linear(V(), V(Shape{5, 4}, 1));
                   },
                   "linear: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::layer_norm>) {
  Row row{"layer_norm", {}, {}, -1, {}};
  const auto reference = [](const Ps& xs) {
    Plain y = along(xs[0], -1, [](std::vector<double>& x, std::size_t) {
      const auto n = static_cast<double>(x.size());
      const double mu = std::accumulate(x.begin(), x.end(), 0.0) / n;
      double variance = 0;
      for (double v : x) variance += (v - mu) * (v - mu) / n;
      for (double& v : x) v = (v - mu) / std::sqrt(variance + 1e-5);
    });
    const index_t n = y.shape.back(0);
    for (index_t i = 0; i < y.shape.size(); ++i)
      y[i] = y[i] * (xs.size() > 1 ? xs[1][i % n] : 1) + (xs.size() > 2 ? xs[2][i % n] : 0);
    return y;
  };
  const auto f = [](const auto& xs) { return layer_norm(xs[0], xs[1], xs[2]); };
  for (const Shape& s :
       {Shape{3, 5}, Shape{4}, Shape{2, 2, 3}, Shape{0, 3}, Shape{2, 1, 1, 2, 3}, Shape{2, 35}})
    row.cases.push_back(
        make_case(s.str(), f, reference, {in(s, 8), in({s.back(0)}, 9, 0.5, 1.5), in({s.back(0)}, 10)}));
  row.cases.push_back(
      make_case("bare", [](const auto& xs) { return layer_norm(xs[0]); }, reference, {in({3, 4}, 8)}));
  row.cases.push_back(make_case("gamma alone", [](const auto& xs) { return layer_norm(xs[0], xs[1]); },
                                reference, {in({3, 4}, 8), in({4}, 9)}));
  const V x(Shape{2, 3}, 1);
  row.mistakes = {{[x] { layer_norm(x, V(Shape{4}, 1)); }, "layer_norm: "},
                  {[x] { layer_norm(x, {}, {}, -1); }, "layer_norm: "},
                  {[] { layer_norm(V()); }, "layer_norm: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::group_norm>) {
  Row row{"group_norm", {}, {}, -1, {}};
  for (const auto& [shape, groups] : std::vector<std::pair<Shape, index_t>>{{{3, 6}, 2},
                                                                            {{4}, 4},
                                                                            {{2, 2, 9}, 3},
                                                                            {{0, 4}, 2},
                                                                            {{2, 1, 1, 2, 6}, 3},
                                                                            {{2, 70}, 2},
                                                                            {{3, 5}, 1}}) {
    const index_t channels = shape.back(0), width = channels / groups;
    const auto reference = [=](const Ps& xs) {
      Plain y = xs[0];
      for (index_t i = 0; i < y.shape.size(); ++i) {
        const index_t begin = i / width * width;
        double mean = 0, variance = 0;
        for (index_t k = begin; k < begin + width; ++k) mean += xs[0][k] / static_cast<double>(width);
        for (index_t k = begin; k < begin + width; ++k)
          variance += (xs[0][k] - mean) * (xs[0][k] - mean) / static_cast<double>(width);
        y[i] = (xs[0][i] - mean) / std::sqrt(variance + 1e-3);
        if (xs.size() > 1) y[i] = y[i] * xs[1][i % channels] + xs[2][i % channels];
      }
      return y;
    };
    row.cases.push_back(
        make_case(shape.str(), [=](const auto& xs) { return group_norm(xs[0], groups, xs[1], xs[2], 1e-3); },
                  reference, {in(shape, 8), in({channels}, 9, 0.5, 1.5), in({channels}, 10)}));
    row.cases.push_back(make_case(shape.str() + " bare",
                                  [=](const auto& xs) { return group_norm(xs[0], groups, {}, {}, 1e-3); },
                                  reference, {in(shape, 8)}));
  }
  const V x(Shape{2, 4}, 1);
  row.mistakes = {{[x] { group_norm(x, 3); }, "group_norm: "},
                  {[x] { group_norm(x, 0); }, "group_norm: "},
                  {[x] { group_norm(x, 2, V(Shape{2}, 1)); }, "group_norm: "},
                  {[x] { group_norm(x, 2, {}, {}, -1); }, "group_norm: "},
                  {[] { group_norm(V(), 1); }, "group_norm: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::rms_norm>) {
  Row row{"rms_norm", {}, {}, -1, {}};
  const auto reference = [](const Ps& xs) {
    Plain y = along(xs[0], -1, [](std::vector<double>& x, std::size_t) {
      double square = 0;
      for (double v : x) square += v * v / static_cast<double>(x.size());
      for (double& v : x) v /= std::sqrt(square + 1e-3);
    });
    for (index_t i = 0; i < y.shape.size(); ++i) y[i] *= xs.size() > 1 ? xs[1][i % y.shape.back(0)] : 1;
    return y;
  };
  const auto f = [](const auto& xs) { return rms_norm(xs[0], xs[1], 1e-3); };
  for (const Shape& s :
       {Shape{3, 5}, Shape{4}, Shape{1}, Shape{2, 2, 3}, Shape{0, 3}, Shape{2, 1, 1, 2, 3}, Shape{2, 35}})
    row.cases.push_back(make_case(s.str(), f, reference, {in(s, 8), in({s.back(0)}, 9, 0.5, 1.5)}));
  row.cases.push_back(make_case("bare", [](const auto& xs) { return rms_norm(xs[0], {}, 1e-3); }, reference,
                                {in({3, 4}, 8)}));
  row.cases.push_back(make_case(
      "a view with gaps", [](const auto& xs) { return rms_norm(chunk<2>(xs[0])[1], {}, 1e-3); },
      [reference](const Ps& xs) { return reference({right_half(xs[0])}); }, {in({3, 8}, 8)}));
  const V x(Shape{2, 3}, 1);
  row.mistakes = {{[x] { rms_norm(x, V(Shape{4}, 1)); },
                   "rms_norm: need x (…, N) and gamma (N,); got x (2, 3), gamma (4,)"},
                  {[x] { rms_norm(x, {}, -1); }, "rms_norm: eps must be at least 0; got -1"},
                  {[] { rms_norm(V()); }, "rms_norm: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::l2_normalise>) {
  Row row{"l2_normalise", {}, {}, -1, {}};
  struct Use {
    Shape shape;
    int axis;
    double eps;
  };
  for (const Use& u :
       {Use{{3, 5}, -1, 1e-12}, Use{{3, 5}, 0, 1e-12}, Use{{2, 3, 4}, 1, 1e-12}, Use{{3, 4}, -1, 1.2},
        Use{{1}, 0, 3}, Use{{0, 2}, -1, 1}, Use{{2, 1, 2, 1, 3}, 2, 1e-12}, Use{{2, 35}, -1, 1e-12}}) {
    const auto reference = [u](const Ps& xs) {
      return along(xs[0], u.axis, [u](std::vector<double>& x, std::size_t) {
        double square = 0;
        for (double v : x) square += v * v;
        for (double& v : x) v /= std::max(std::sqrt(square), u.eps);
      });
    };
    row.cases.push_back(make_case(fmt::format("{} over {}, eps {}", u.shape.str(), u.axis, u.eps),
                                  [u](const auto& xs) { return l2_normalise(xs[0], u.axis, u.eps); },
                                  reference, {in(u.shape, 8)}));
  }
  const V x(Shape{2, 3}, 1);
  row.mistakes = {{[x] { l2_normalise(x, 2); }, "l2_normalise: axis 2 is outside an array of rank 2"},
                  {[x] { l2_normalise(x, 0, -1); }, "l2_normalise: eps must be at least 0; got -1"},
                  {[] { l2_normalise(V()); }, "l2_normalise: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::dropout>) {
  Row row{"dropout", {}, {}, -1, {}};
  for (double p : {0.3, 0.9, 1.0}) {
    const RandomKey key{.seed = 3, .step = 4, .layer = 5, .first = 2};
    // Which elements stay is the business of the tests of dropout; here, what becomes of them.
    const auto reference = [=](const Ps& xs) {
      const std::vector<double> mask = list(dropout(V(xs[0].shape, 1), p, key));
      Plain y = xs[0];
      for (std::size_t i = 0; i < y.x.size(); ++i) y.x[i] = mask[i] == 0 ? 0 : y.x[i] / (1 - p);
      return y;
    };
    for (const Shape& s : {Shape{3, 15}, Shape{1}, Shape{}, Shape{0, 2}, Shape{2, 1, 3, 1, 2}})
      row.cases.push_back(make_case(fmt::format("{} {}", p, s.str()),
                                    [=](const auto& xs) { return dropout(xs[0], p, key); }, reference,
                                    {in(s, 11)}));
  }
  row.mistakes = {{[] { dropout(V(Shape{2}, 1), 1.5, {}); }, "dropout: "},
                  {[] { dropout(V(), 0.5, {}); }, "dropout: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::custom>) {
  Row row{"custom", {}, {}, -1, {}};
  const auto f = [](const auto& xs) {
    using T = typename std::decay_t<decltype(xs[0])>::value_type;
    const auto op = custom_op<T>(
        "scaled", [](const auto& x, const auto& s) { return x * x * s; },
        [](const auto& dy, const auto&, const auto& x, const auto& s) {
          return std::tuple(xt::xarray<T>(dy * T(2) * x * s), xt::xarray<T>(dy * x * x));
        },
        [](const auto& dy, const auto&, const auto& x, const auto& s) {
          return std::tuple(Variable<T>(dy * 2.0 * x * s), Variable<T>(dy * x * x));
        });
    return op(xs[0], xs[1]);
  };
  const auto reference = [](const Ps& xs) {
    Plain y = xs[0];
    for (std::size_t i = 0; i < y.x.size(); ++i) y.x[i] = y.x[i] * y.x[i] * xs[1].x[i];
    return y;
  };
  for (const Shape& s : {Shape{3, 4}, Shape{1}, Shape{}, Shape{0, 2}, Shape{2, 1, 3, 1, 2}})
    row.cases.push_back(make_case(s.str(), f, reference, {in(s, 12), in(s, 13)}));
  return row;
}

std::vector<Row> array_rows() {
  return {
#define UNROLL_ROW(name) row_of(Tag<ArrayOp::name>{}),
      UNROLL_ARRAY_OPS(UNROLL_ROW)
#undef UNROLL_ROW
  };
}

}  // namespace unroll::tests
