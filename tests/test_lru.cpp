#include "unroll/layers/lru.hpp"

#include <complex>

#include "cell_checks.hpp"
#include "golden_lru.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/rtu.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

LruCell<double> scattered_lru() {
  LruCell<double> cell(3, 3, LruOptions{.state_size = 4});
  scatter(cell, 1);
  return cell;
}
RtuCell<double> scattered_rtu() {
  RtuCell<double> cell(3, 4);
  scatter(cell, 1);
  return cell;
}

std::complex<double> eigenvalue(const V& nu, const V& theta, std::size_t k) {
  return std::polar(std::exp(-std::exp(nu.data()[k])), std::exp(theta.data()[k]));
}

}  // namespace

TEST_CASE("lru: equals the reference code's outputs and gradients") {
  const ReferenceCase golden = golden_lru();
  LruCell<double> cell(4, 4, LruOptions{.state_size = 5});
  cell.nu = golden["nu_log"], cell.theta = golden["theta_log"], cell.gamma = golden["gamma_log"];
  cell.weight_b = concat({golden["B_re"], golden["B_im"]});
  cell.weight_c_re = golden["C_re"], cell.weight_c_im = golden["C_im"], cell.d = golden["D"];
  const auto [y, state] = scan(cell, permute(golden["x"], {1, 0, 2}));
  ReferenceCase(golden).expect({{"y", permute(y, {1, 0, 2})}, {"h_re", state.c.re}, {"h_im", state.c.im}});
}

TEST_CASE("lru: two steps equal the hand computation") {
  const auto cell = scattered_lru();
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec u = affine(cell.weight_b, x);
    for (std::size_t k = 0; k < 4; ++k) {
      const std::complex<double> c = eigenvalue(cell.nu, cell.theta, k) * std::complex(s[1][k], s[2][k]) +
                                     std::exp(cell.gamma.data()[k]) * std::complex(u[k], u[4 + k]);
      s[1][k] = c.real(), s[2][k] = c.imag();
    }
    const Vec re = affine(cell.weight_c_re, s[1]), im = affine(cell.weight_c_im, s[2]);
    for (std::size_t j = 0; j < 3; ++j) s[0][j] = re[j] - im[j] + cell.d.data()[j] * x[j];
  });
}

TEST_CASE("rtu: two steps equal the hand computation") {
  const auto cell = scattered_rtu();
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec u = affine(cell.weight, x);
    for (std::size_t k = 0; k < 4; ++k) {
      const std::complex<double> a = eigenvalue(cell.nu, cell.theta, k);
      const std::complex<double> c =
          a * std::complex(s[1][k], s[2][k]) + std::sqrt(1 - std::norm(a)) * std::complex(u[k], u[4 + k]);
      s[0][k] = s[1][k] = c.real(), s[0][4 + k] = s[2][k] = c.imag();
    }
  });
}

TEST_CASE("lru and rtu: all steps at once equal one step at a time") {
  check_parallel(scattered_lru());
  check_parallel(scattered_rtu());
  check_parallel(LruCell<float>(3, 4));
  check_parallel(LruCell<double>(3, 4));
  check_parallel(RtuCell<float>(3, 4));
}

TEST_CASE("lru and rtu: gradients of first and second order pass the check") {
  gradients_pass(scattered_lru());
  gradients_pass(scattered_rtu());
  second_order_passes(scattered_lru());
  second_order_passes(scattered_rtu());
}

TEST_CASE("lru and rtu: stacks") {
  stack_passes(Lru<double>(2, 3, {.num_layers = 2, .bidirectional = true}), 2);
  stack_passes(Rtu<double>(2, 3, {.num_layers = 2}), 2);
  CHECK(Rtu<double>(2, 3, {.num_layers = 2}).output_size() == 6);
  CHECK(names(Lru<double>(2, 3)) ==
        "nu_l0(3,) theta_l0(3,) gamma_l0(3,) weight_b_l0(6, 2) weight_c_re_l0(3, 3) weight_c_im_l0(3, 3)");
  CHECK(names(LruCell<double>(3, 3)).ends_with(" d(3,)"));
}

TEST_CASE("lru: eigenvalues begin on the ring, and inputs are scaled by √(1 − |λ|²)") {
  Generator rng(3);
  const LruCell<double> cell(2, 2, LruOptions{1000, 0.4, 0.8, 1.5}, rng);
  double inner = 0;
  for (std::size_t k = 0; k < 1000; ++k) {
    const std::complex<double> a = eigenvalue(cell.nu, cell.theta, k);
    CHECK((std::abs(a) >= 0.4 - 1e-12 && std::abs(a) <= 0.8 + 1e-12));
    CHECK((std::arg(a) >= 0 && std::arg(a) <= 1.5));
    CHECK(std::exp(2 * cell.gamma.data()[k]) == doctest::Approx(1 - std::norm(a)).epsilon(1e-12));
    inner += std::norm(a) < 0.4 ? 1 : 0;  // half of the area
  }
  CHECK(inner / 1000 == doctest::Approx(0.5).epsilon(0.1));  // three standard deviations are 0.047
}

TEST_CASE("lru and rtu: a layer of it names what does not fit") {
  errors_are_named(Lru<double>(3, 4));
  CHECK_THROWS_AS(RtuCell<double>(3, 0), ShapeError);
  CHECK(message_of<UsageError>([] { LruCell<double>(3, 4, LruOptions{.r_min = 0.9, .r_max = 1.5}); }) ==
        "lru: need 0 ≤ r_min < r_max < 1 and max_phase > 0; got 0.9, 1.5 and 6.283185307179586");
}
