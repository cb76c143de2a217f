#include "unroll/detail/autograd/gemm/gemm.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "gemm_reference.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/gemm/row_product.hpp"

namespace {

using namespace unroll;
using namespace unroll::gemm_test;

template <class T>
void check_packed(Trans tw, index_t m, index_t n, index_t k, index_t gap, T beta) {
  Stored<T> x(Trans::no, m, k, gap), w(tw, k, n, gap), y0(Trans::no, m, n, gap);
  if (beta == T(0)) std::fill(y0.data.begin(), y0.data.end(), std::numeric_limits<T>::quiet_NaN());
  Stored<T> y = y0;
  blas::PackedMatrix<T> packed;
  packed.pack(tw, k, n, w.data.data(), w.ld);
  INFO("op(W) ", static_cast<char>(tw), ", m n k ", m, " ", n, " ", k, ", gap ", gap, ", beta ", beta);
  for (int direction = 0; direction < 2; ++direction) {  // the second product takes the panels from the end
    y = y0;
    packed.multiply(m, x.data.data(), x.ld, beta, y.data.data(), y.ld);
    CHECK(deviation(m, n, k, T(1), x, w, beta, y0, y) <= tolerance<T>(k));
    CHECK(gaps_kept(m, n, y0, y));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("PackedMatrix: 0 to 80 rows equal a plain triple loop", T, float, double) {
  for (index_t m = 0; m <= 80; ++m) {
    for (Trans tw : both) {
      const index_t n = draw_size(150), k = draw_size(70), gap = draw_size(5);
      check_packed<T>(tw, m, n, k, gap, T(0));
      check_packed<T>(tw, m, n, k, gap, T(1));
    }
  }
}

TEST_CASE_TEMPLATE("PackedMatrix: whole panels, more rows than the cache holds, an empty inner dimension", T,
                   float, double) {
  check_packed<T>(Trans::yes, 1, 256, 64, 0, T(0));
  check_packed<T>(Trans::no, 13, 128, 64, 0, T(1));
  check_packed<T>(Trans::no, 150, 33, 2000, 1, T(1));
  check_packed<T>(Trans::yes, 5, 40, 0, 2, T(1));
  check_packed<T>(Trans::no, 5, 40, 0, 2, T(0));
}

TEST_CASE_TEMPLATE("PackedMatrix: a row's bits depend neither on the rows beside it nor on addresses", T,
                   float, double) {
  const index_t m = 70, n = 150, k = 90;
  Stored<T> x(Trans::no, m, k, 0), w(Trans::yes, k, n, 0);
  blas::PackedMatrix<T> packed;
  packed.pack(Trans::yes, k, n, w.data.data(), w.ld);
  std::vector<T> whole(static_cast<std::size_t>(m * n));
  packed.multiply(m, x.data.data(), k, T(0), whole.data(), n);
  for (index_t rows : {1, 2, 3, 6, 7, 13, 14, 35, 64}) {
    std::vector<T> parts(whole.size());
    Shifted<T> xs(x.data, static_cast<std::size_t>(rows % 5)), ys(parts, static_cast<std::size_t>(rows % 7));
    for (index_t i = 0; i < m; i += rows) {
      packed.multiply(std::min(rows, m - i), xs.data() + i * k, k, T(0), ys.data() + i * n, n);
    }
    CHECK_MESSAGE(std::memcmp(ys.data(), whole.data(), whole.size() * sizeof(T)) == 0,
                  "rows at a time: ", rows);
  }
}

TEST_CASE_TEMPLATE("PackedMatrix: owns its copy, packs again, and moves", T, float, double) {
  std::vector<T> w = {1, 2, 3, 4, 5, 6};  // (2, 3)
  const T x[] = {1, 10};
  T y[3];
  blas::PackedMatrix<T> packed;
  CHECK(packed.empty());
  CHECK(packed.bytes() == 0);
  packed.pack(Trans::no, 2, 3, w.data(), 3);
  w.assign(6, T(0));
  blas::PackedMatrix<T> moved = std::move(packed);
  CHECK_FALSE(moved.empty());
  CHECK(moved.rows() == 2);
  CHECK(moved.cols() == 3);
  CHECK(moved.bytes() >= 6 * sizeof(T));
  moved.multiply(1, x, 2, T(0), y, 3);
  CHECK(y[0] == T(41));
  CHECK(y[2] == T(63));
  w.assign(6, T(2));
  const auto bytes = moved.bytes();
  moved.pack(Trans::yes, 2, 3, w.data(), 2);
  CHECK(moved.bytes() == bytes);
  moved.multiply(1, x, 2, T(1), y, 3);
  CHECK(y[0] == T(63));
  const std::vector<T> wide(2000, T(1));
  std::vector<T> sums(1000);
  moved.pack(Trans::no, 2, 1000, wide.data(), 1000);
  CHECK(moved.bytes() >= 2000 * sizeof(T));
  moved.multiply(1, x, 2, T(0), sums.data(), 1000);
  CHECK(sums == std::vector<T>(1000, T(11)));
}

TEST_CASE("PackedMatrix: use before pack, another beta and overlapping rows are rejected") {
  const float w[] = {1, 2, 3, 4};
  float y[2];
  blas::PackedMatrix<float> packed;
  CHECK_THROWS_WITH_AS(packed.multiply(1, w, 2, 0.f, y, 2),
                       "PackedMatrix: nothing to multiply by; call pack() first", UsageError);
  CHECK_THROWS_WITH_AS(packed.pack(Trans::no, 2, 2, w, 1),
                       "PackedMatrix: w: need rows at least 2 apart; got 1", ShapeError);
  packed.pack(Trans::no, 2, 2, w, 2);
  CHECK_THROWS_WITH_AS(packed.multiply(1, w, 2, 0.5f, y, 2), "PackedMatrix: beta is 0 or 1; got 0.5",
                       UsageError);
  CHECK_THROWS_WITH_AS(packed.multiply(2, w, 1, 0.f, y, 2),
                       "PackedMatrix: x: need rows at least 2 apart; got 1", ShapeError);
}

TEST_CASE("PackedMatrix: threads may multiply at once") {
  const index_t m = 9, n = 70, k = 40;
  Stored<double> x(Trans::no, m, k, 0), w(Trans::no, k, n, 0);
  blas::PackedMatrix<double> packed;
  packed.pack(Trans::no, k, n, w.data.data(), w.ld);
  std::vector<double> alone(static_cast<std::size_t>(m * n)), together[2] = {alone, alone};
  packed.multiply(m, x.data.data(), k, 0., alone.data(), n);
  std::vector<std::thread> threads;
  for (auto& y : together) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) packed.multiply(m, x.data.data(), k, 0., y.data(), n);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(together[0] == alone);
  CHECK(together[1] == alone);
}

TEST_CASE("a product of one row says which sizes it takes") {
  const float w = 1;
  for (const auto& [n, k] : {std::pair<index_t, index_t>{0, 1}, {1, 0}, {1, 16385}})
    CHECK_THROWS_WITH_AS(
        blas::RowProduct<float>(n, k, &w, 1),
        fmt::format("RowProduct: need W of 1 row or more and of 1 to 16384 columns; got ({}, {})", n, k)
            .c_str(),
        ShapeError);
}
