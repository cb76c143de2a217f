#include "unroll/detail/autograd/tools/panel_matrix.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/threads.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

/// J := A J + L in double, element by element, beside a PanelMatrix.
template <class T>
struct PanelCase {
  index_t rows, columns;
  detail::PanelMatrix<T> panels{rows, columns};
  std::vector<double> right = std::vector<double>(static_cast<std::size_t>(rows * columns));
  std::vector<detail::MatrixPart<T>> a;
  std::vector<detail::OuterPart<T>> added;

  PanelCase(index_t row_count, index_t column_count) : rows(row_count), columns(column_count) {}
  double& at(index_t r, index_t c) { return right[static_cast<std::size_t>(r * columns + c)]; }

  void advance() {
    panels.advance(a, added);
    const std::vector<double> before = std::exchange(right, std::vector<double>(right.size()));
    const auto add = [&](index_t to, double d, index_t from) {
      for (index_t c = 0; c < columns; ++c)
        at(to, c) += d * before[static_cast<std::size_t>(from * columns + c)];
    };
    for (const auto& p : a)
      for (index_t i = 0; i < p.rows; ++i)
        for (index_t j = p.diagonal ? i : 0; j < (p.diagonal ? i + 1 : p.columns); ++j)
          add(p.row + i, p.values[p.diagonal ? i : i * p.stride + j], p.column + j);
    for (const auto& p : added)
      for (index_t i = 0; i < p.count; ++i)
        for (index_t j = 0; j < p.columns; ++j)
          at(p.row + i * p.row_step, p.column + i * p.columns + j) += double(p.values[i]) * double(p.x[j]);
  }

  /// The largest difference from gᵀ J, for unit vectors g and one that is full.
  double error() {
    double worst = 0;
    for (index_t r = 0; r <= rows; ++r) {
      std::vector<T> g(static_cast<std::size_t>(rows), r == rows ? T{1} : T{0});
      if (r < rows) g[static_cast<std::size_t>(r)] = T{2};
      std::vector<T> sums(static_cast<std::size_t>(columns));
      panels.multiply_left(g.data(), sums.data());
      for (index_t c = 0; c < columns; ++c) {
        double sum = 0;
        for (index_t i = 0; i < rows; ++i) sum += double(g[static_cast<std::size_t>(i)]) * at(i, c);
        worst = std::max(
            worst, std::abs(sum - double(sums[static_cast<std::size_t>(c)])) / std::max(1.0, std::abs(sum)));
      }
    }
    return worst;
  }
};

template <class T>
constexpr double panel_tolerance = sizeof(T) == 4 ? 1e-5 : 1e-13;  // roundings of sums of some dozen terms

/// Dense and diagonal parts that overlap, and rows that none of them reaches.
template <class T>
void advance_mixed(index_t n, index_t columns) {
  const index_t rows = 3 * n + 2;
  PanelCase<T> c(rows, columns);
  Variable<T> a = random_parameter<T>({2 * n, n + 1}, 1, -0.3, 0.3), d = random_parameter<T>({n}, 2),
              x = random_parameter<T>({columns}, 3), g = random_parameter<T>({rows}, 4);
  T* const p = a.mutable_data();
  T* const q = d.mutable_data();
  c.a = {{0, n, 0, n, q, n, true},
         {0, 2 * n, 0, n, p, n + 1, false},
         {n, n, n, n, q, n, true},
         {n / 2, n, 2 * n, n + 1, p, n + 1, false},
         {2 * n, n, n, n, q, n, true}};
  c.added = {{0, 0, 0, columns, 1, g.data(), x.data()},
             {1, 1, 0, 1, std::min(rows - 1, columns), g.data(), x.data()}};
  if (columns >= 6) c.added.push_back({2, 1, 1, 2, 2, g.data(), x.data()});
  for (int t = 0; t < 5; ++t) {
    c.advance();
    CHECK(c.error() < panel_tolerance<T>);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("panel_matrix: A J + L for parts of all kinds, step after step", T, float, double) {
  for (const index_t n : {1, 2, 5, 14})
    for (const index_t columns : {1, 6, 16, 33, 100}) {
      CAPTURE(n);
      CAPTURE(columns);
      advance_mixed<T>(n, columns);
    }
}

TEST_CASE("panel_matrix: inner sums longer than one chain of the kernel") {
  constexpr index_t n = 700;
  PanelCase<double> c(n, 20);
  Variable<double> a = random_parameter({n, n}, 1, -0.05, 0.05), g = random_parameter({n}, 2),
                   x = random_parameter({20}, 3);
  c.a = {{0, n, 0, n, a.mutable_data(), n, false}};
  c.added = {{0, 1, 0, 1, 20, g.data(), x.data()}, {5, 0, 0, 20, 1, g.data(), x.data()}};
  c.advance(), c.advance();
  CHECK(c.error() < 1e-12);
}

TEST_CASE("panel_matrix: the same bits with any number of threads") {
  constexpr index_t n = 64, columns = 3000;
  Variable<float> a = random_parameter<float>({n, n}, 1, -0.2, 0.2), g = random_parameter<float>({n}, 2),
                  x = random_parameter<float>({columns}, 3);
  const std::vector<detail::MatrixPart<float>> parts{{0, n, 0, n, a.mutable_data(), n, false}};
  const std::vector<detail::OuterPart<float>> added{{0, 1, 0, columns / n, n, g.data(), x.data()},
                                                    {3, 0, 0, columns, 1, g.data(), x.data()}};
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    detail::PanelMatrix<float> j(n, columns);
    for (int t = 0; t < 5; ++t) j.advance(parts, added);
    std::vector<float>& sums = results.emplace_back(columns);
    j.multiply_left(g.data(), sums.data());
    set_num_threads(1);
  }
  CHECK(std::any_of(results[0].begin(), results[0].end(), [](float s) { return std::abs(s) > 0.1F; }));
  CHECK(results[1] == results[0]);
  CHECK(results[2] == results[0]);
}

TEST_CASE("panel_matrix: copies are independent, and one without rows or columns does nothing") {
  std::vector<double> one{1}, sums(1);
  const std::vector<detail::OuterPart<double>> added{{0, 0, 0, 1, 1, one.data(), one.data()}};
  std::vector<double> half{0.5};
  const std::vector<detail::MatrixPart<double>> a{{0, 1, 0, 1, half.data(), 1, true}};
  detail::PanelMatrix<double> j(1, 1);
  j.advance(a, added);
  detail::PanelMatrix<double> copy = j;
  copy.advance(a, added);
  j.multiply_left(one.data(), sums.data());
  CHECK(sums[0] == 1);
  copy.multiply_left(one.data(), sums.data());
  CHECK(sums[0] == 1.5);
  detail::PanelMatrix<double> empty(0, 3), none(2, 0);
  empty.advance({}, {}), none.advance({}, {});
  std::vector<double> zeros(3, 7.0);
  empty.multiply_left(nullptr, zeros.data());
  CHECK(zeros == std::vector<double>{0, 0, 0});
  CHECK(none.columns() == 0);
}

TEST_CASE("panel_matrix: a factor of 0 hides infinity") {
  std::vector<double> factors{1, 0}, x{std::numeric_limits<double>::infinity(), 2}, sums(2);
  const std::vector<detail::OuterPart<double>> added{{0, 1, 0, 1, 2, factors.data(), x.data()},
                                                     {1, 0, 1, 1, 1, factors.data(), x.data() + 1}};
  const std::vector<detail::OuterPart<double>> hidden{{0, 0, 0, 2, 1, factors.data() + 1, x.data()}};
  detail::PanelMatrix<double> j(2, 2);
  j.advance({}, added);
  std::vector<double> diagonal{0, 1};
  const std::vector<detail::MatrixPart<double>> a{{0, 2, 0, 2, diagonal.data(), 2, true}};
  j.advance(a, hidden);
  const std::vector<double> ones{1, 1};
  j.multiply_left(ones.data(), sums.data());
  CHECK(sums == std::vector<double>{0, 2});
}
