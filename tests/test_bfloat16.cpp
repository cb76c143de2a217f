#include "unroll/detail/autograd/gemm/bfloat16.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gemm_reference.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/autograd/precision.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/gemm/bfloat16_rounding.hpp"
#include "unroll/detail/autograd/gemm/row_product.hpp"

namespace {

using namespace unroll;
using namespace unroll::gemm_test;

std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

/// 0 in place of a denormal number.
float flushed_number(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

/// x y + z as the instruction has it, one number at a time. The sum of a product of two bfloat16 and a float, in double,
/// rounds to float as the exact one does.
float multiply_add_one(float x, float y, float z) {
  const double sum = double{x} * double{y} + double{z};
  const auto rounded = static_cast<float>(sum);
  return flushed_number(rounded);
}

/// What one element is to be: op(A) op(B) for one row and column, in the order that bfloat16.hpp describes.
float expected_sum(Stored<float>& a, Stored<float>& b, index_t i, index_t j, index_t k, const float* before) {
  const index_t pairs = (k + 1) / 2, chains = (pairs + 127) / 128;
  float sum = before ? flushed_number(*before) : 0;
  for (index_t c = 0; c < chains; ++c) {
    float chain = 0;
    for (index_t p = c * pairs / chains; p < (c + 1) * pairs / chains; ++p) {
      const bool whole = 2 * p + 1 < k;
      chain = multiply_add_one(whole ? blas::bfloat16_of(a(i, 2 * p + 1)) : 0,
                               whole ? blas::bfloat16_of(b(2 * p + 1, j)) : 0, chain);
      chain = multiply_add_one(blas::bfloat16_of(a(i, 2 * p)), blas::bfloat16_of(b(2 * p, j)), chain);
    }
    sum = before || c > 0 ? flushed_number(chain + sum) : chain;
  }
  return sum;
}

/// The number of elements of C whose bits are not what they are to be; any NaN is as good as another.
index_t wrong_elements(index_t m, index_t n, index_t k, Stored<float>& a, Stored<float>& b, bool add,
                       Stored<float>& c0, Stored<float>& c) {
  index_t wrong = 0;
  for (index_t i = 0; i < m; ++i) {
    for (index_t j = 0; j < n; ++j) {
      const float right = expected_sum(a, b, i, j, k, add ? &c0(i, j) : nullptr), got = c(i, j);
      wrong += bits_of(right) != bits_of(got) && !(std::isnan(right) && std::isnan(got));
    }
  }
  return wrong;
}

void check_bfloat16_product(Trans ta, Trans tb, index_t m, index_t n, index_t k, index_t gap,
                            float (*change)(float)) {
  Stored<float> a(ta, m, k, gap), b(tb, k, n, gap), c0(Trans::no, m, n, gap);
  for (float& x : a.data) x = change(x);
  for (float& x : b.data) x = change(x);
  INFO("op(A) ", static_cast<char>(ta), ", op(B) ", static_cast<char>(tb), ", m n k ", m, " ", n, " ", k);
  for (bool add : {false, true}) {
    Stored<float> c = c0, d = c0;
    blas::bfloat16_gemm(ta, tb, m, n, k, a.data.data(), a.ld, b.data.data(), b.ld, add, c.data.data(), c.ld);
    CHECK(wrong_elements(m, n, k, a, b, add, c0, c) == 0);
    CHECK(gaps_kept(m, n, c0, c));
    if (ta == Trans::yes) continue;
    blas::Bfloat16Matrix packed;
    packed.pack(tb, k, n, b.data.data(), b.ld);
    packed.multiply(m, a.data.data(), a.ld, add, d.data.data(), d.ld);
    CHECK(wrong_elements(m, n, k, a, b, add, c0, d) == 0);
    CHECK(gaps_kept(m, n, c0, d));
  }
}

float as_it_is(float x) { return x; }
/// Of all exponents: products and sums overflow, are denormal, infinite and NaN.
float any_exponent(float x) {
  const auto noise = static_cast<std::uint32_t>(generator());
  return std::bit_cast<float>((bits_of(x) & 0x807fffffu) | (noise % 256) << 23);
}
/// Close to the smallest normal numbers: about half of the products and many sums are denormal.
float tiny_number(float x) {
  return std::bit_cast<float>((bits_of(x) & 0x807fffffu) |
                              (58u + static_cast<std::uint32_t>(generator()) % 12) << 23);
}

}  // namespace

TEST_CASE("bfloat16: rounding is to the nearest, ties to even") {
  const auto of_bits = [](std::uint32_t bits) { return blas::bfloat16_bits(bits); };
  CHECK(of_bits(0x3f808000u) == 0x3f800000u);  // a tie, to the even one below
  CHECK(of_bits(0x3f818000u) == 0x3f820000u);  // and above
  CHECK(of_bits(0x3f808001u) == 0x3f810000u);
  CHECK(of_bits(0x7f7fffffu) == 0x7f800000u);  // beyond the largest
  CHECK(of_bits(0x00800000u) == 0x00800000u);
}

TEST_CASE("bfloat16: denormal numbers become 0 of their sign, NaN stays NaN, infinity infinity") {
  CHECK(blas::bfloat16_bits(0x007fffffu) == 0u);
  CHECK(blas::bfloat16_bits(0x80000001u) == 0x80000000u);
  CHECK(blas::bfloat16_bits(0x7f800001u) == 0x7fc00000u);
  CHECK(blas::bfloat16_bits(0xffffffffu) == 0xffff0000u);
  CHECK(blas::bfloat16_bits(0xff800000u) == 0xff800000u);
}

TEST_CASE("bfloat16: products of any sizes and forms have the bits of the scalar formula") {
  for (index_t m = 1; m <= 30; ++m)
    for (Trans ta : both)
      for (Trans tb : both)
        check_bfloat16_product(ta, tb, m, 1 + draw_size(80), 1 + draw_size(40), draw_size(4), as_it_is);
}

TEST_CASE("bfloat16: sums of several chains, rows and panels of several blocks have these bits, too") {
  for (Trans ta : both) {
    for (Trans tb : both) {
      check_bfloat16_product(ta, tb, 1, 400, 700, 0, as_it_is);
      check_bfloat16_product(ta, tb, 3, 131, 513, 1, as_it_is);
      check_bfloat16_product(ta, tb, 300, 40, 260, 3, as_it_is);
    }
  }
}

TEST_CASE("bfloat16: so have products that overflow, are denormal, infinite or NaN") {
  for (int trial = 0; trial < 20; ++trial) {
    for (Trans ta : both) {
      for (Trans tb : both) {
        const index_t m = 1 + draw_size(20), n = 1 + draw_size(70), k = 1 + draw_size(9);
        check_bfloat16_product(ta, tb, m, n, k, 0, any_exponent);
        check_bfloat16_product(ta, tb, m, n, k, 0, tiny_number);
      }
    }
  }
}

TEST_CASE("bfloat16: a sum of no terms is 0, or leaves the result as it is") {
  check_bfloat16_product(Trans::no, Trans::no, 4, 5, 0, 1, as_it_is);
}

TEST_CASE("bfloat16: very long sums are exact to the rounding of their operands") {
  const index_t k = 40001;
  Stored<float> a(Trans::yes, 2, k, 0), b(Trans::no, k, 3, 0), c(Trans::no, 2, 3, 0);
  for (float& x : a.data) x = blas::bfloat16_of(x);
  for (float& x : b.data) x = blas::bfloat16_of(x);
  Stored<float> c0 = c;
  blas::bfloat16_gemm(Trans::yes, Trans::no, 2, 3, k, a.data.data(), a.ld, b.data.data(), b.ld, true,
                      c.data.data(), c.ld);
  CHECK(deviation(2, 3, k, 1.0f, a, b, 1.0f, c0, c) <= tolerance<float>(k));
}

TEST_CASE("bfloat16: two threads give the bits of one") {
  for (Trans ta : both) {
    const index_t m = 150, n = 90, k = 600;
    Stored<float> a(ta, m, k, 0), b(Trans::no, k, n, 0), one(Trans::no, m, n, 0), two = one;
    const auto multiply_to = [&](Stored<float>& c) {
      blas::bfloat16_gemm(ta, Trans::no, m, n, k, a.data.data(), a.ld, b.data.data(), b.ld, true,
                          c.data.data(), c.ld);
    };
    multiply_to(one);
    set_num_threads(2);
    multiply_to(two);
    set_num_threads(1);
    CHECK(one.data == two.data);
  }
}

TEST_CASE("bfloat16: where the processor has the instruction, its products equal the emulation's") {
  if (bfloat16_is_emulated()) return;
  const index_t m = 37, n = 101, k = 333;
  Stored<float> a(Trans::no, m, k, 0), b(Trans::yes, k, n, 0), c(Trans::no, m, n, 0), d = c;
  const auto multiply_to = [&](Stored<float>& to) {
    blas::bfloat16_gemm(Trans::no, Trans::yes, m, n, k, a.data.data(), a.ld, b.data.data(), b.ld, false,
                        to.data.data(), to.ld);
  };
  multiply_to(c);
  emulate_bfloat16(true);
  CHECK(bfloat16_is_emulated());
  multiply_to(d);
  emulate_bfloat16(false);
  CHECK(c.data == d.data);
}

TEST_CASE("bfloat16: mistakes are named as those of gemm") {
  float x = 0;
  CHECK_THROWS_AS(blas::bfloat16_gemm(Trans::no, Trans::no, 2, 2, 2, &x, 1, &x, 2, false, &x, 2), ShapeError);
  CHECK_THROWS_AS(blas::Bfloat16Matrix().multiply(1, &x, 1, false, &x, 1), UsageError);
}

TEST_CASE("bfloat16: a row by a weight that is kept in half the memory has the bits of a product") {
  for (index_t k : {index_t{1}, index_t{2}, index_t{37}, index_t{256}, index_t{515}}) {
    const index_t n = 1 + draw_size(300), room = blas::RowProduct<float>::padded(n);
    Stored<float> x(Trans::no, 1, k, 0), w(Trans::yes, k, n, 0), from(Trans::no, 1, room, 0);
    Stored<float> right = from, got = from;
    const blas::RowProduct<float> row(n, k, w.data.data(), w.ld, Precision::bfloat16);
    INFO("n ", n, ", k ", k);
    for (const bool add : {false, true}) {
      blas::bfloat16_gemm(Trans::no, Trans::yes, 1, n, k, x.data.data(), k, w.data.data(), w.ld, add,
                          right.data.data(), room);
      row.multiply(x.data.data(), add ? got.data.data() : nullptr, got.data.data());
      CHECK(std::equal(right.data.begin(), right.data.begin() + n, got.data.begin()));
    }
  }
}
