#include <doctest/doctest.h>

#include "gemm_reference.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"

namespace {

using namespace unroll;
using namespace unroll::gemm_test;

struct Size {
  index_t m, n, k;
};
// Tiles and panels that are whole, cut short, alone; several blocks of k (more than 512, or 256 with
// AVX-512), of m (more than 256 kB of A), of n (more than 4 MB of B), and of n and k.
constexpr Size sizes[] = {{1, 1, 1},       {6, 16, 256},  {13, 32, 257},  {6, 16, 512},
                          {13, 32, 513},   {5, 3, 7},     {64, 64, 64},   {70, 33, 40},
                          {300, 20, 1100}, {17, 130, 90}, {3, 4200, 300}, {2, 3600, 600}};

template <class T>
Stored<T> blocked(Trans ta, Trans tb, const Size& s, const Stored<T>& a, const Stored<T>& b, bool add,
                  Stored<T> c, int threads = 1) {
  blas::backend::blocked_gemm(ta, tb, s.m, s.n, s.k, a.data.data(), a.ld, b.data.data(), b.ld, add,
                              c.data.data(), c.ld, threads);
  return c;
}

}  // namespace

TEST_CASE_TEMPLATE("blocked_gemm: every size and orientation equals a plain triple loop", T, float, double) {
  for (const Size& s : sizes) {
    for (Trans ta : both) {
      for (Trans tb : both) {
        const index_t gap = draw_size(5);
        Stored<T> a(ta, s.m, s.k, gap), b(tb, s.k, s.n, gap), c0(Trans::no, s.m, s.n, gap), nothing = c0;
        std::fill(nothing.data.begin(), nothing.data.end(), std::numeric_limits<T>::quiet_NaN());
        INFO("op(A) ", static_cast<char>(ta), " op(B) ", static_cast<char>(tb), ", m n k ", s.m, " ", s.n,
             " ", s.k);
        Stored<T> sum = blocked(ta, tb, s, a, b, true, c0), fresh = blocked(ta, tb, s, a, b, false, nothing);
        CHECK(deviation(s.m, s.n, s.k, T(1), a, b, T(1), c0, sum) <= tolerance<T>(s.k));
        CHECK(deviation(s.m, s.n, s.k, T(1), a, b, T(0), c0, fresh) <= tolerance<T>(s.k));
        CHECK(gaps_kept(s.m, s.n, c0, sum));
        CHECK(gaps_kept(s.m, s.n, nothing, fresh));
      }
    }
  }
}

TEST_CASE_TEMPLATE("blocked_gemm: any number of threads, and PackedMatrix, give the same bits", T, float,
                   double) {
  for (const Size& s : sizes) {
    for (Trans tb : both) {
      Stored<T> a(Trans::no, s.m, s.k, 0), b(tb, s.k, s.n, 0), c0(Trans::no, s.m, s.n, 0);
      Stored<T> turned(Trans::yes, s.m, s.k, 0);
      for (index_t r = 0; r < s.m; ++r)
        for (index_t i = 0; i < s.k; ++i)
          turned.data[static_cast<std::size_t>(i * s.m + r)] = a.data[static_cast<std::size_t>(r * s.k + i)];
      const Stored<T> one = blocked(Trans::no, tb, s, a, b, true, c0);
      INFO("op(B) ", static_cast<char>(tb), ", m n k ", s.m, " ", s.n, " ", s.k);
      for (int threads : {2, 3, 8})
        CHECK(blocked(Trans::no, tb, s, a, b, true, c0, threads).data == one.data);
      for (int threads : {1, 3})
        CHECK(blocked(Trans::yes, tb, s, turned, b, true, c0, threads).data == one.data);
      blas::PackedMatrix<T> packed;
      packed.pack(tb, s.k, s.n, b.data.data(), b.ld);
      packed.multiply(s.m, a.data.data(), a.ld, T(1), c0.data.data(), c0.ld);
      CHECK(c0.data == one.data);
    }
  }
}

TEST_CASE_TEMPLATE("gemm: from same_bits_rows rows on, a row's bits do not depend on their number", T, float,
                   double) {
  const index_t m = 200, n = 40, k = 300;
  Stored<T> a(Trans::no, m, k, 0), b(Trans::no, k, n, 0), c0(Trans::no, m, n, 0);
  const auto first = [&](index_t rows) {
    std::vector<T> c = c0.data;
    blas::gemm(Trans::no, Trans::no, rows, n, k, T(1), a.data.data(), a.ld, b.data.data(), b.ld, T(1),
               c.data(), c0.ld);
    c.resize(static_cast<std::size_t>(blas::same_bits_rows * n));
    return c;
  };
  for (index_t rows : {blas::same_bits_rows, index_t{65}, index_t{100}, index_t{199}})
    CHECK(first(rows) == first(m));
}

TEST_CASE("gemm: a weight gradient over many rows is right, whoever multiplies") {
  for (const Size& s : {Size{128, 96, 1500}, {256, 96, 1500}, {200, 70, 50}, {192, 64, 100}}) {
    Stored<float> a(Trans::yes, s.m, s.k, 2), b(Trans::no, s.k, s.n, 1), c0(Trans::no, s.m, s.n, 0);
    for (int threads : {1, 2}) {
      Stored<float> c = c0;
      set_num_threads(threads);
      blas::gemm(Trans::yes, Trans::no, s.m, s.n, s.k, 1.F, a.data.data(), a.ld, b.data.data(), b.ld, 1.F,
                 c.data.data(), c.ld);
      set_num_threads(1);
      CHECK(deviation(s.m, s.n, s.k, 1.F, a, b, 1.F, c0, c) <= tolerance<float>(s.k));
    }
  }
}
