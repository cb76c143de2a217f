#include <complex>

#include "op_table_rows.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/linear_recurrence.hpp"
#include "unroll/autograd/max_plus_recurrence.hpp"
#include "unroll/autograd/selective_scan.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {
namespace {

// h_t = a_t h_{t−1} + b_t; a (T, …) or constant in time.
Plain plain_recurrence_of(const Ps& xs) {
  const Plain &a = xs[0], &b = xs[1];
  Plain h(b.shape);
  const index_t unit = xs[2].shape.size();
  for (index_t i = 0; i < h.shape.size(); ++i) {
    const double before = i < unit ? xs[2][i] : h[i - unit];
    h[i] = a[i % a.shape.size()] * before + b[i];
  }
  return h;
}

// m_t = max(a_t + m_{t−1}, b_t), all of one shape.
Plain plain_max_plus_of(const Ps& xs) {
  Plain m(xs[0].shape);
  const index_t unit = xs[2].shape.size();
  for (index_t i = 0; i < m.shape.size(); ++i)
    m[i] = std::max(xs[0][i] + (i < unit ? xs[2][i] : m[i - unit]), xs[1][i]);
  return m;
}

// The same of complex numbers, xs being real and imaginary parts of a, b and h0; the result's real part, then the imaginary.
Plain plain_complex_recurrence_of(const Ps& xs) {
  const Shape& s = xs[0].shape;
  const index_t unit = xs[4].shape.size();
  Plain h(Shape{2 * s[0], s[1]});
  for (index_t i = 0; i < s.size(); ++i) {
    const std::complex<double> before =
        i < unit ? std::complex(xs[4][i], xs[5][i]) : std::complex(h[i - unit], h[s.size() + i - unit]);
    const std::complex<double> now =
        std::complex(xs[0][i], xs[1][i]) * before + std::complex(xs[2][i], xs[3][i]);
    h[i] = now.real(), h[s.size() + i] = now.imag();
  }
  return h;
}

// u, δ (T, B, D), A (D, N), B and C (T, B, N), and what the state (B, D, N) is at first, or none.
Plain plain_selective_of(const Ps& xs) {
  const Shape& s = xs[0].shape;
  const index_t batch = s[1], channels = s[2], states = xs[2].shape[1];
  Plain y(s);
  std::vector<double> h(static_cast<std::size_t>(batch * channels * states), 0.0);
  if (xs.size() > 5) h = xs[5].x;
  for (index_t i = 0; i < s.size(); ++i) {
    const index_t d = i % channels, row = i / channels, b = row % batch;
    for (index_t n = 0; n < states; ++n) {
      double& v = h[static_cast<std::size_t>((b * channels + d) * states + n)];
      v = std::exp(xs[1][i] * xs[2][d * states + n]) * v + xs[1][i] * xs[0][i] * xs[3][row * states + n];
      y[i] += v * xs[4][row * states + n];
    }
  }
  return y;
}

}  // namespace

Row row_of(Tag<ArrayOp::linear_recurrence>) {
  Row row{"linear_recurrence", {}, {}, -1, {}};
  const auto f = [](const auto& xs) { return linear_recurrence(xs[0], xs[1], xs[2]).output; };
  for (const auto& [a, b] : {std::pair<Shape, Shape>{{3, 4}, {3, 4}},
                             {{1}, {1}},
                             {{0, 4}, {0, 4}},
                             {{4}, {3, 4}},
                             {{5, 2, 3}, {5, 2, 3}},
                             {{3}, {5, 2, 3}},
                             {{4, 1, 2, 2, 2}, {4, 1, 2, 2, 2}}})
    row.cases.push_back(make_case(a.str() + " " + b.str(), f, plain_recurrence_of,
                                  {in(a, 1), in(b, 2), in(b.without(0), 3)}));
  row.cases.push_back(make_case(
      "views with gaps",
      [](const auto& xs) {
        const auto parts = chunk<2>(xs[0]);
        return linear_recurrence(parts[0], parts[1], xs[1]).output;
      },
      [](const Ps& xs) {
        return plain_recurrence_of(
            {interpret({Do::chunk, {0}, {1, 2}}, {xs[0]})[0], right_half(xs[0]), xs[1]});
      },
      {in({3, 8}), in({4}, 2)}));
  row.cases.push_back(make_case(
      "the same twice", [](const auto& xs) { return linear_recurrence(xs[0], xs[0], xs[1]).output; },
      [](const Ps& xs) {
        return plain_recurrence_of({xs[0], xs[0], xs[1]});
      },
      {in({3, 4}), in({4}, 2)}));
  row.cases.push_back(
      make_case("complex",
                []<class T>(const std::vector<Variable<T>>& xs) {
                  const auto h = linear_recurrence(ComplexPair<T>{xs[0], xs[1]}, ComplexPair<T>{xs[2], xs[3]},
                                                   ComplexPair<T>{xs[4], xs[5]})
                                     .output;
                  return concat<T>({h.re, h.im}, 0);
                },
                plain_complex_recurrence_of,
                {in({3, 4}, 1), in({3, 4}, 2), in({3, 4}, 3), in({3, 4}, 4), in({4}, 5), in({4}, 6)}));
  row.mistakes = {{[] {
                     linear_recurrence(V(Shape{3, 4}, 1), V(Shape{3, 4}, 1), V(Shape{3}, 1));
                   },
                   "linear_recurrence: need a and b (T, …) and h0 (…)"},
                  {[] {
                     linear_recurrence(V(), V(Shape{3, 4}, 1), V(Shape{4}, 1));
                   },
                   "linear_recurrence: argument 1 is an empty Variable"}};
  return row;
}

Row row_of(Tag<ArrayOp::selective_scan>) {
  Row row{"selective_scan", {}, {}, -1, {}};
  const auto f = [](const auto& xs) { return selective_scan(xs[0], xs[1], xs[2], xs[3], xs[4]).output; };
  for (const auto& [T, B, D, N] : {std::tuple<index_t, index_t, index_t, index_t>{3, 2, 4, 2},
                                   {1, 1, 1, 1},
                                   {0, 2, 3, 2},
                                   {18, 1, 3, 3}})
    row.cases.push_back(make_case(Shape{T, B, D, N}.str(), f, plain_selective_of,
                                  {in({T, B, D}, 1), in({T, B, D}, 2, 0, 1), in({D, N}, 3, -2, 0),
                                   in({T, B, N}, 4), in({T, B, N}, 5)}));
  row.cases.push_back(make_case(
      "views with gaps",
      [](const auto& xs) {
        const auto parts = chunk<2>(xs[2]);
        return selective_scan(chunk<2>(xs[0])[1], xs[1], xs[3], parts[0], parts[1]).output;
      },
      [](const Ps& xs) {
        const Plain left = interpret({Do::chunk, {0}, {2, 2}}, {xs[2]})[0];
        return plain_selective_of({right_half(xs[0]), xs[1], xs[3], left, right_half(xs[2])});
      },
      {in({3, 2, 8}, 1), in({3, 2, 4}, 2, 0, 1), in({3, 2, 4}, 3), in({4, 2}, 4, -2, 0)}));
  row.cases.push_back(
      make_case("a state",
                [](const auto& xs) {
                  return selective_scan(xs[0], xs[1], xs[2], xs[3], xs[4], {.state = xs[5]}).output;
                },
                plain_selective_of,
                {in({3, 2, 4}, 1), in({3, 2, 4}, 2, 0, 1), in({4, 2}, 3, -2, 0), in({3, 2, 2}, 4),
                 in({3, 2, 2}, 5), in({2, 4, 2}, 6)}));
  row.mistakes = {{[] {
                     selective_scan(V(Shape{3, 2, 4}, 1), V(Shape{3, 2, 4}, 1), V(Shape{4}, 1),
                                    V(Shape{3, 2, 2}, 1), V(Shape{3, 2, 2}, 1));
                   },
                   "selective_scan: need u and delta (T, B, D)"}};
  return row;
}

Row row_of(Tag<ArrayOp::max_plus_recurrence>) {
  Row row{"max_plus_recurrence", {}, {}, -1, {}};
  const auto f = [](const auto& xs) { return max_plus_recurrence(xs[0], xs[1], xs[2]).output; };
  for (const Shape& shape : {Shape{3, 4}, {1}, {0, 4}, {5, 2, 3}, {4, 1, 2, 2, 2}})
    row.cases.push_back(
        make_case(shape.str(), f, plain_max_plus_of, {in(shape, 1), in(shape, 2), in(shape.without(0), 3)}));
  row.cases.push_back(make_case(
      "views with gaps",
      [](const auto& xs) {
        const auto parts = chunk<2>(xs[0]);
        return max_plus_recurrence(parts[0], parts[1], xs[1]).output;
      },
      [](const Ps& xs) {
        return plain_max_plus_of({interpret({Do::chunk, {0}, {1, 2}}, {xs[0]})[0], right_half(xs[0]), xs[1]});
      },
      {in({3, 8}), in({4}, 2)}));
  row.cases.push_back(make_case(
      "the same twice", [](const auto& xs) { return max_plus_recurrence(xs[0], xs[0], xs[1]).output; },
      [](const Ps& xs) {
        return plain_max_plus_of({xs[0], xs[0], xs[1]});
      },
      {in({3, 4}), in({4}, 2)}));
  row.mistakes = {{[] {
                     max_plus_recurrence(V(Shape{3, 4}, 1), V(Shape{3, 4}, 1), V(Shape{3}, 1));
                   },
                   "max_plus_recurrence: need a and b (T, …) and m0 (…)"},
                  {[] {
                     max_plus_recurrence(V(Shape{3, 4}, 1), V(), V(Shape{4}, 1));
                   },
                   "max_plus_recurrence: argument 2 is an empty Variable"}};
  return row;
}

}  // namespace unroll::tests
