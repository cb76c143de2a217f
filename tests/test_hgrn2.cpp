#include "unroll/layers/hgrn2.hpp"

#include "golden_hgrn2.hpp"
#include "sequence_cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

Hgrn2Cell<double> hgrn2_cell(const Hgrn2Options& options) {
  Generator rng(4);
  return Hgrn2Cell<double>(3, 4, options, rng);
}

}  // namespace

TEST_CASE("hgrn2: the recurrence equals its authors', with a lower bound and a carried state") {
  const ReferenceCase golden = golden_hgrn2_bound();
  const auto of = [&](const char* name) { return transpose(golden[name], 0, 1); };
  const auto [y, s] = detail::hgrn2_scan(of("q_pre"), of("f_pre"), of("v"), golden["lower_bound"],
                                         golden["initial_state"], {});
  ReferenceCase(golden).expect({{"o", transpose(y, 0, 1)}, {"final_state", s}});
}

TEST_CASE("hgrn2: two steps equal the hand computation") {
  for (const double bound : {0.0, 0.3}) {
    const auto cell = hgrn2_cell({.heads = 2, .lower_bound = bound});
    scatter(cell, 3);
    equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
      const Vec in = affine(cell.weight_in, x);  // q̂, f̂, v
      Vec o(4, 0.0);
      for (std::size_t k = 0; k < 4; ++k) {
        const double f = bound + (1 - bound) * sigma(in[4 + k]);
        for (std::size_t j = k / 2 * 2; j < k / 2 * 2 + 2; ++j) {
          double& m = s[1][k * 2 + j % 2];
          m = f * m + (1 - f) * in[8 + j];
          o[j] += m * silu_of(in[k]) / std::sqrt(2.0);
        }
      }
      s[0] = affine(cell.weight_out, rms_normalised(o, 4, cell.norm.weight, 1e-5));
    });
  }
}

TEST_CASE("hgrn2: at once as step by step, and gradients of both orders") {
  sequence_cell_passes(hgrn2_cell({.heads = 2, .lower_bound = 0.3}));
  check_parallel(hgrn2_cell({}));
}

TEST_CASE("hgrn2: what is kept is between the bound and 1, however far f is out") {
  for (const double bound : {0.0, 1e-300, 1 / 3.0, 0.9}) {
    const V far = values({3, 1, 1, 1}, {-800, 800, 40}), ones({3, 1, 1, 1}, 1.0);
    const auto [y, s] = detail::hgrn2_scan(ones, far, ones, bound > 0 ? V(bound) : V(), {}, {});
    sum(s).backward();
    CHECK(s.item() == doctest::Approx(1 - bound).epsilon(1e-12));  // one step writes, two keep
    for (const double g : gradient_list(far)) CHECK(std::isfinite(g));
  }
}

TEST_CASE("hgrn2: a stack streams as it trains, and names what does not fit") {
  Generator rng(6);
  const Hgrn2<double> net(3, 4, {.num_layers = 2}, rng);
  streams_as_it_trains(net);
  errors_are_named(net);
  CHECK(message_of<ShapeError>([] { hgrn2_cell({.heads = 3}); }) ==
        "hgrn2: need a hidden size that is a multiple of the heads; got hidden 4, heads 3");
  CHECK(message_of<UsageError>([] { hgrn2_cell({.lower_bound = 1}); }) ==
        "hgrn2: need 0 ≤ lower_bound < 1; got 1");
  CHECK(message_of<UsageError>([] { hgrn2_cell({.lower_bound = -0.5}); }) ==
        "hgrn2: need 0 ≤ lower_bound < 1; got -0.5");
}
