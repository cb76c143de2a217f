#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm_projection.hpp"
#include "unroll/layers/spectral_radius.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// |radius − expected|, relative.
[[maybe_unused]] double off_by(const V& a, double expected) {
  return std::abs(spectral_radius(a) / expected - 1);
}

// A few roundings, times conditions of up to about 1e3.
[[maybe_unused]] constexpr double tolerance = 1e-12;

}  // namespace

#ifdef UNROLL_NO_BLAS
TEST_CASE("spectral_radius: a build without BLAS says so") {
  CHECK_THROWS_WITH_AS(spectral_radius(values({1, 1}, {-3})),
                       "spectral_radius: this library was built without BLAS and LAPACK (UNROLL_BLAS=OFF)",
                       UsageError);
}
#else
TEST_CASE("spectral_radius: known eigenvalues") {
  CHECK(off_by(values({1, 1}, {-3}), 3) < tolerance);
  CHECK(off_by(values({2, 2}, {2, 1, 1, 2}), 3) < tolerance);
  CHECK(off_by(values({2, 2}, {0.5, 1e6, 0, 0.25}), 0.5) < tolerance);          // far from normal
  CHECK(off_by(values({3, 3}, {0, 1, 0, 0, 0, 1, 6, -11, 6}), 3) < tolerance);  // (λ−1)(λ−2)(λ−3)
  CHECK(off_by(values({2, 2}, {1e200, 0, 0, 1e-200}), 1e200) < tolerance);      // no overflow
}

TEST_CASE("spectral_radius: a defective triangle is right whatever its size") {
  for (const index_t n : {2, 20, 22, 24, 64, 150}) {
    CAPTURE(n);
    V jordan({n, n}, 0.0), lower({n, n}, 0.0);
    jordan.update([&](auto& a) {
      lower.update([&](auto& b) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
          a(i, i) = 1, b(i, i) = -0.5;
          if (i > 0) a(i - 1, i) = 1;
          for (std::size_t j = 0; j < i; ++j) b(i, j) = 1;
        }
      });
    });
    CHECK(off_by(jordan, 1) < tolerance);
    CHECK(off_by(lower, 0.5) < tolerance);
  }
}

TEST_CASE("spectral_radius: a hidden Jordan block of size 3 is right to the cube root of rounding") {
  V jordan = values({3, 3}, {2, 1, 0, 0, 2, 1, 0, 0, 2}), q({3, 3}, 0.0);
  Generator rng(5);
  init::orthogonal(q, {}, rng);
  const V hidden = matmul(matmul(q, jordan), transpose(q, 0, 1));
  CHECK(off_by(hidden, 2) < 5e-5);  // (2.2e-16)^(1/3) = 6e-6, and a little more for the products
}

TEST_CASE("spectral_radius: no rows, and float") {
  CHECK(spectral_radius(V({0, 0}, 0.0)) == 0);
  CHECK(spectral_radius(Variable<float>({2, 2}, 0.5F)) == doctest::Approx(1).epsilon(1e-12));
}

TEST_CASE("spectral_radius: a complex pair counts by its modulus") {
  CHECK(off_by(values({2, 2}, {0, -4, 1, 0}), 2) < tolerance);  // ± 2i
  const double c = 0.9 * std::cos(1), s = 0.9 * std::sin(1);
  CHECK(off_by(values({2, 2}, {c, -s, s, c}), 0.9) < tolerance);
  CHECK(off_by(values({3, 3}, {c, -s, 5, s, c, 7, 0, 0, -0.8}), 0.9) < tolerance);
}

TEST_CASE("spectral_radius: an orthogonal matrix has 1, a nilpotent one 0") {
  V q({7, 7}, 0.0);
  Generator rng(3);
  CHECK(off_by(init::orthogonal(q, {}, rng), 1) < tolerance);
  CHECK(off_by(init::orthogonal(q, {.gain = 0.7}, rng), 0.7) < tolerance);
  CHECK(spectral_radius(values({3, 3}, {0, 1, 2, 0, 0, 3, 0, 0, 0})) == 0);
}

TEST_CASE("spectral_radius: what is not finite gives NaN, what is not square an error") {
  CHECK(std::isnan(spectral_radius(values({1, 1}, {std::nan("")}))));
  CHECK(message_of<ShapeError>([] {
          spectral_radius(V({2, 3}, 1.0));
        }) == "spectral_radius: need a (N, N); got (2, 3)");
  CHECK_THROWS_AS(spectral_radius(V()), UsageError);
}

TEST_CASE("spectral_radii: every square block of every recurrent weight, under its name") {
  const Gru<double> gru(3, 4, {.num_layers = 2});
  auto& w = gru.cell(1).weight_hh;
  Variable<double>(w).update([](auto& v) {
    v.fill(0);
    for (std::size_t g = 0; g < 3; ++g)
      for (std::size_t i = 0; i < 4; ++i)
        v(4 * g + i, (i + 1) % 4) = 0.5 + static_cast<double>(g);  // a cycle
  });
  const auto radii = spectral_radii(gru);
  REQUIRE(radii.size() == 6);
  CHECK(radii[0].name == "weight_hh_l0");
  CHECK(radii[0].radius > 0);
  for (index_t g = 0; g < 3; ++g) {
    const SpectralRadius& r = radii[static_cast<std::size_t>(3 + g)];
    CHECK(r.name == "weight_hh_l1");
    CHECK(r.block == g);
    CHECK(std::abs(r.radius - (0.5 + static_cast<double>(g))) < tolerance);
  }
  CHECK(spectral_radii(gru, [](std::string_view name) { return name == "weight_hh_l1"; }).size() == 3);
}

TEST_CASE("spectral_radii: weights without square blocks are left out") {
  CHECK(spectral_radii(LstmProjection<double>(2, 5, 3)).empty());
}
#endif
