#include "unroll/detail/autograd/gemm/gemm.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "gemm_reference.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"

namespace {

using namespace unroll;
using namespace unroll::gemm_test;

template <class T>
void check_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, index_t gap, T alpha, T beta) {
  Stored<T> a(ta, m, k, gap), b(tb, k, n, gap), c0(Trans::no, m, n, gap);
  if (beta == T(0)) std::fill(c0.data.begin(), c0.data.end(), std::numeric_limits<T>::quiet_NaN());
  Stored<T> c = c0;
  blas::gemm(ta, tb, m, n, k, alpha, a.data.data(), a.ld, b.data.data(), b.ld, beta, c.data.data(), c.ld);
  INFO("op(A) ", static_cast<char>(ta), " op(B) ", static_cast<char>(tb), ", m n k ", m, " ", n, " ", k,
       ", gap ", gap, ", alpha ", alpha, ", beta ", beta);
  CHECK(deviation(m, n, k, alpha, a, b, beta, c0, c) <= tolerance<T>(k));
  CHECK(gaps_kept(m, n, c0, c));
}

}  // namespace

TEST_CASE_TEMPLATE("gemm: random odd sizes equal a plain triple loop", T, float, double) {
  for (int round = 0; round < 150; ++round) {
    const index_t m = draw_size(70), n = draw_size(70), k = draw_size(70), gap = draw_size(1) * draw_size(9);
    for (Trans ta : both) {
      for (Trans tb : both) {
        check_gemm<T>(ta, tb, m, n, k, gap, T(1), T(0));
        check_gemm<T>(ta, tb, m, n, k, gap, T(1), T(1));
        check_gemm<T>(ta, tb, m, n, k, gap, T(-1.5), T(0.5));
      }
    }
  }
}

TEST_CASE_TEMPLATE("gemm: one row, one column and larger sizes equal a plain triple loop", T, float, double) {
  const index_t sizes[][3] = {{1, 64, 64}, {1, 1, 300}, {200, 1, 33}, {129, 257, 65}, {300, 40, 500}};
  for (const auto& s : sizes) {
    for (Trans ta : both) {
      for (Trans tb : both) check_gemm<T>(ta, tb, s[0], s[1], s[2], 3, T(1), T(1));
    }
  }
}

TEST_CASE_TEMPLATE("gemm: small products, which no library does, equal a plain triple loop", T, float,
                   double) {
  const index_t rows[] = {1, 4, 11, 12, 13, 32, 33, 64, 256, 257}, cols[] = {1, 2, 15, 16, 17, 32, 47, 48},
                inner[] = {1, 2, 8, 31, 64, 256};
  for (index_t m : rows) {
    for (index_t n : cols) {
      for (index_t k : inner) {
        if (m * n * k > 60'000) continue;
        for (Trans ta : both) {
          for (Trans tb : both) {
            check_gemm<T>(ta, tb, m, n, k, 0, T(1), T(1));
            check_gemm<T>(ta, tb, m, n, k, 3, T(1), T(0));
          }
        }
      }
    }
  }
  CHECK(blas::backend::small_is_best<T>(Trans::no, Trans::no, 1, 64, 64));
  CHECK(blas::backend::small_is_best<T>(Trans::no, Trans::yes, 1, 64, 64));
  CHECK(blas::backend::small_is_best<T>(Trans::yes, Trans::no, 64, 64, 1));
  CHECK_FALSE(blas::backend::small_is_best<T>(Trans::no, Trans::no, 64, 16, 16));  // see same_bits_rows
}

TEST_CASE_TEMPLATE("gemm: a small product passes infinity on to its own row alone", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity();
  for (Trans tb : both) {
    Stored<T> a(Trans::no, 3, 20, 0), b(tb, 20, 21, 0), c(Trans::no, 3, 21, 0);
    a.data[20 + 7] = inf;
    blas::gemm(Trans::no, tb, 3, 21, 20, T(1), a.data.data(), a.ld, b.data.data(), b.ld, T(0), c.data.data(),
               c.ld);
    for (std::size_t i = 0; i < c.data.size(); ++i) CHECK(std::isfinite(c.data[i]) == (i / 21 != 1));
  }
}

TEST_CASE_TEMPLATE("gemm: an empty inner dimension gives beta C", T, float, double) {
  T c[] = {1, 2, 3, 4, 5, 6};
  const T nothing = 0;
  blas::gemm<T>(Trans::no, Trans::no, 2, 2, 0, T(1), &nothing, 1, &nothing, 2, T(0.5), c, 3);
  CHECK(c[0] == T(0.5));
  CHECK(c[1] == T(1));
  CHECK(c[2] == T(3));
  CHECK(c[3] == T(2));
  CHECK(c[4] == T(2.5));
  CHECK(c[5] == T(6));
  c[0] = std::numeric_limits<T>::quiet_NaN();
  blas::gemm<T>(Trans::yes, Trans::yes, 2, 2, 0, T(1), &nothing, 2, &nothing, 1, T(0), c, 3);
  CHECK(c[0] == T(0));
  CHECK(c[4] == T(0));
  CHECK(c[2] == T(3));
}

TEST_CASE_TEMPLATE("gemm: the same call at other addresses gives equal bits", T, float, double) {
  const index_t sizes[][3] = {{1, 50, 64}, {7, 33, 20}, {32, 128, 100}, {65, 70, 300}};
  for (const auto& s : sizes) {
    const index_t m = s[0], n = s[1], k = s[2];
    for (Trans ta : both) {
      for (Trans tb : both) {
        Stored<T> a(ta, m, k, 0), b(tb, k, n, 0), c(Trans::no, m, n, 0);
        std::vector<T> expected;
        for (std::size_t shift : {0, 1, 3, 4, 8, 15}) {
          Shifted<T> as(a.data, shift), bs(b.data, shift * 7 % 16), cs(c.data, shift * 3 % 16);
          blas::gemm(ta, tb, m, n, k, T(1), as.data(), a.ld, bs.data(), b.ld, T(1), cs.data(), c.ld);
          const std::vector<T> got(cs.data(), cs.data() + m * n);
          if (shift == 0) expected = got;
          INFO("op(A) ", static_cast<char>(ta), " op(B) ", static_cast<char>(tb), ", m n k ", m, " ", n, " ",
               k);
          CHECK(got == expected);
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("gemm: two threads give the right product, and the same bits each time", T, float,
                   double) {
  Stored<T> a(Trans::no, 64, 96, 0), b(Trans::no, 96, 80, 0), c0(Trans::no, 64, 80, 0);
  const auto product = [&] {
    Stored<T> c = c0;
    blas::gemm(Trans::no, Trans::no, 64, 80, 96, T(1), a.data.data(), a.ld, b.data.data(), b.ld, T(1),
               c.data.data(), c.ld);
    return c;
  };
  set_num_threads(2);
  Stored<T> first = product();
  const Stored<T> second = product();
  {
    const detail::PartsGoTo scope(detail::PartsGoTo::Whom::helpers);
    CHECK(product().data == first.data);
  }
  {
    const detail::PartsGoTo scope(detail::PartsGoTo::Whom::caller);
    CHECK(product().data == first.data);
  }
  set_num_threads(1);
  CHECK(deviation(64, 80, 96, T(1), a, b, T(1), c0, first) <= tolerance<T>(96));
  CHECK(first.data == second.data);
}

TEST_CASE_TEMPLATE("gemm: divided by rows or by columns it equals a plain triple loop", T, float, double) {
  set_num_threads(3);
  for (const auto& [m, n, k] :
       {std::array<index_t, 3>{211, 60, 70}, {100, 205, 40}, {49, 130, 60}, {300, 5, 200}}) {
    for (Trans ta : both) {
      for (Trans tb : both) {
        Stored<T> a(ta, m, k, 3), b(tb, k, n, 2), c0(Trans::no, m, n, 4), c = c0;
        blas::gemm(ta, tb, m, n, k, T(1), a.data.data(), a.ld, b.data.data(), b.ld, T(1), c.data.data(),
                   c.ld);
        CHECK(deviation(m, n, k, T(1), a, b, T(1), c0, c) <= tolerance<T>(k));
        CHECK(gaps_kept(m, n, c0, c));
      }
    }
  }
  set_num_threads(1);
}

TEST_CASE("gemm: the number of threads belongs to the calling thread") {
  set_num_threads(2);
  int elsewhere = 0;
  std::thread([&] { elsewhere = num_threads(); }).join();
  CHECK(elsewhere == 1);
  CHECK(num_threads() == 2);
  set_num_threads(1);
  CHECK_THROWS_WITH_AS(set_num_threads(0), "set_num_threads: need at least 1; got 0", UsageError);
}

TEST_CASE("gemm: negative sizes and rows that overlap are rejected") {
  float x[4] = {};
  const auto call = [&](index_t m, index_t lda) {
    blas::gemm(Trans::no, Trans::no, m, index_t{2}, index_t{2}, 1.f, x, lda, x, 2, 0.f, x, 2);
  };
  CHECK_THROWS_WITH_AS(call(-1, 2), "gemm: a: sizes must not be negative; got (-1, 2)", ShapeError);
  CHECK_THROWS_WITH_AS(call(2, 1), "gemm: a: need rows at least 2 apart; got 1", ShapeError);
}

#ifndef UNROLL_NO_BLAS
TEST_CASE("gemm: sizes beyond CBLAS's int, and what oneDNN refuses, are errors") {
  namespace backend = blas::backend;
  const float* none = nullptr;
  float* nowhere = nullptr;
  const index_t large = index_t{1} << 31;
  CHECK_THROWS_WITH_AS(
      backend::cblas_gemm(Trans::no, Trans::no, 1, 1, large, 1.f, none, large, none, 1, 0.f, nowhere, 1),
      "gemm: CBLAS takes sizes below 2^31; got m 1, n 1, k 2147483648, lda 2147483648, ldb 1, ldc 1",
      ShapeError);
  float x[4] = {}, y[4] = {};
  const auto product = [&](index_t lda) {
    return backend::dnnl_gemm(Trans::no, Trans::no, 2, 2, 2, 1.f, x, lda, x, 2, 0.f, y, 2);
  };
  if (product(2)) CHECK_THROWS_WITH_AS(product(1), "gemm: oneDNN failed with status 2", Error);
}
#endif

TEST_CASE("gemm: products are counted per thread, empty ones are not") {
  float x[6] = {1, 2, 3, 4, 5, 6}, y[4];
  const auto before = blas::counters();
  blas::gemm(Trans::no, Trans::no, 2, 2, 3, 1.f, x, 3, x, 2, 0.f, y, 2);
  blas::gemm(Trans::no, Trans::no, 0, 2, 3, 1.f, x, 3, x, 2, 0.f, y, 2);
  blas::PackedMatrix<float> packed;
  packed.pack(Trans::no, 3, 2, x, 2);
  packed.multiply(1, x, 3, 0.f, y, 2);
  CHECK(blas::counters().calls == before.calls + 2);
  CHECK(blas::counters().flops == before.flops + 24 + 12);
  std::uint64_t elsewhere = 1;
  std::thread([&] { elsewhere = blas::counters().calls; }).join();
  CHECK(elsewhere == 0);
}
