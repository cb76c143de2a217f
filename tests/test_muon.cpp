#include "unroll/optim/muon.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "optim_helpers.hpp"
#include "unroll/autograd/matmul.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using Matrix = std::vector<std::vector<double>>;

Matrix multiplied(const Matrix& a, const Matrix& b) {
  Matrix c(a.size(), std::vector<double>(b.front().size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b.front().size(); ++j)
      for (std::size_t k = 0; k < b.size(); ++k) c[i][j] += a[i][k] * b[k][j];
  return c;
}

Matrix flipped(const Matrix& a) {
  Matrix t(a.front().size(), std::vector<double>(a.size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a.front().size(); ++j) t[j][i] = a[i][j];
  return t;
}

// As Jordan writes it down, with loops over plain numbers: on the transpose where there are more rows than columns.
Matrix newton_schulz(Matrix x, int steps) {
  if (x.size() > x.front().size()) return flipped(newton_schulz(flipped(x), steps));
  double norm = 0;
  for (const auto& r : x)
    for (const double v : r) norm += v * v;
  for (auto& r : x)
    for (double& v : r) v /= std::max(std::sqrt(norm), 1e-7);
  for (int k = 0; k < steps; ++k) {
    const Matrix a = multiplied(x, flipped(x)), aa = multiplied(a, a);
    Matrix factor = a;
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = 0; j < a.size(); ++j)
        factor[i][j] = -4.775 * a[i][j] + 2.0315 * aa[i][j] + (i == j ? 3.4445 : 0);
    x = multiplied(factor, x);
  }
  return x;
}

Matrix matrix_of(const Shape& shape, const std::vector<double>& elements) {
  Matrix m(static_cast<std::size_t>(shape[0]));
  const auto columns = static_cast<std::ptrdiff_t>(shape[1]);
  for (std::size_t r = 0; r < m.size(); ++r) {
    const auto begin = elements.begin() + static_cast<std::ptrdiff_t>(r) * columns;
    m[r].assign(begin, begin + columns);
  }
  return m;
}

double muon_slope(double theta, int t, std::size_t i) {
  return 0.5 * theta + std::sin(0.3 * t + 1.7 * static_cast<double>(i));
}

std::vector<double> muon_slopes(const Variable<double>& p, int t) {
  std::vector<double> g = list(p);
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = muon_slope(g[i], t, i);
  return g;
}

void set_matrix_grad(Variable<double> p, const std::vector<double>& g) {
  p.zero_grad();
  sum(p * values<double>(p.shape(), g).detach()).backward();
}

// Twelve steps beside the formulas on plain numbers.
void follows_the_formulas(const Shape& shape, const MuonOptions& o, double scale) {
  CAPTURE(shape.str());
  const auto p = random_parameter(shape, 5);
  Muon<double> muon(std::vector{p}, o);
  std::vector<double> theta = list(p), b(theta.size());
  for (int t = 1; t <= 12; ++t) {
    set_matrix_grad(p, muon_slopes(p, t));
    muon.step();
    std::vector<double> d(theta.size());
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const double g = muon_slope(theta[i], t, i);
      b[i] = o.momentum * b[i] + (1 - o.momentum) * g;
      d[i] = o.nesterov ? (1 - o.momentum) * g + o.momentum * b[i] : b[i];
    }
    const Matrix x = newton_schulz(matrix_of(shape, d), o.ns_steps);
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const auto columns = static_cast<std::size_t>(shape[1]);
      theta[i] = (1 - o.lr * o.weight_decay) * theta[i] - o.lr * scale * x[i / columns][i % columns];
      // The iteration enlarges roundings of the smallest singular values, by up to 3.4⁵.
      CHECK(std::abs(list(p)[i] - theta[i]) < 1e-11);
    }
  }
}

}  // namespace

TEST_CASE(
    "muon: wide, tall and thin matrices follow the formulas, in both scales, with and without Nesterov") {
  follows_the_formulas({3, 5}, {.lr = 0.05}, 1);
  follows_the_formulas({6, 3}, {.lr = 0.05, .weight_decay = 0, .nesterov = false}, std::sqrt(2.0));
  follows_the_formulas({4, 4}, {.lr = 0.05, .momentum = 0.8, .ns_steps = 3}, 1);
  follows_the_formulas({1, 4}, {.adjust_lr = MuonScale::match_rms_adamw}, 0.4);
  follows_the_formulas({9, 2}, {.adjust_lr = MuonScale::match_rms_adamw}, 0.6);
}

TEST_CASE("muon: six steps equal those of PyTorch's formulas, computed apart from this library") {
  struct Golden {
    Shape shape;
    MuonOptions options;
    std::vector<double> start, after_6;
  };
  const std::vector<Golden> goldens = {{{2, 3},
                                        {.lr = 0.1},
                                        {0.5, -1.0, 2.0, 0.1, 0.3, -0.7},
                                        {0.018399718753861913, -0.9588832369365866, 1.7839955403885974,
                                         0.25489076295080293, -0.2572482487961574, -0.5410035078313394}},
                                       {{3, 2},
                                        {.lr = 0.1, .nesterov = false},
                                        {0.5, -1.0, 2.0, 0.1, 0.3, -0.7},
                                        {0.09659169813718371, -1.1907176692990527, 1.7596036132004254,
                                         0.4223773395806886, -0.11207291341777344, -0.5046553149581143}},
                                       {{3, 2},
                                        {.lr = 0.1, .momentum = 0.9, .adjust_lr = MuonScale::match_rms_adamw},
                                        {0.5, -1.0, 2.0, 0.1, 0.3, -0.7},
                                        {0.3599768549838695, -1.0212100107956774, 1.8471592063352014,
                                         0.1768088116413463, 0.18200206087810983, -0.5946922847894787}}};
  for (const Golden& golden : goldens) {
    const auto p = values<double>(golden.shape, golden.start);
    Muon<double> muon(std::vector{p}, golden.options);
    for (int t = 1; t <= 6; ++t) set_matrix_grad(p, muon_slopes(p, t)), muon.step();
    for (std::size_t i = 0; i < 6; ++i) CHECK(std::abs(list(p)[i] - golden.after_6[i]) < 1e-12);
  }
}

TEST_CASE("muon: the iteration brings singular values near 1, whatever the size of the matrix's elements") {
  const auto d = random_parameter({4, 7}, 3).detach();
  for (const double size : {1.0, 1e-150, 1e150}) {
    const auto x = detail::orthogonalised<double>(Variable<double>(d * size), 5, 0.0);
    // ‖uᵀ X‖ lies between the least and the largest singular value.
    Random random(1);
    for (int k = 0; k < 20; ++k) {
      const auto u = values<double>({1, 4}, {random.uniform(-1, 1), random.uniform(-1, 1),
                                             random.uniform(-1, 1), random.uniform(-1, 1)});
      const double ratio = std::sqrt(sum(square(matmul(u, x))).item() / sum(square(u)).item());
      CHECK(ratio > 0.6);
      CHECK(ratio < 1.3);
    }
  }
}

TEST_CASE(
    "muon: a gradient of zeros moves nothing but by decay, and one that is not finite goes on to the "
    "weights") {
  const auto p = random_parameter({2, 3}, 4), q = random_parameter({2, 3}, 4);
  const std::vector<double> before = list(p);
  Muon<double> muon(std::vector{p, q}, {.weight_decay = 0});
  set_matrix_grad(p, std::vector<double>(6, 0.0));
  set_matrix_grad(q, {0, 0, std::nan(""), 0, 0, 0});
  muon.step();
  CHECK(list(p) == before);
  for (const double v : list(q)) CHECK(std::isnan(v));
}

TEST_CASE("muon: a parameter that is no matrix is refused, or updated by AdamW in a group of its own") {
  const auto w = random_parameter({3, 2}, 1), b = random_parameter({3}, 2);
  CHECK_THROWS_WITH_AS(Muon<double>(std::vector{w, b}),
                       "muon: (3,) is no matrix; put it into a group with .adamw = true, or take "
                       "muon_with_adamw(parameters)",
                       UsageError);
  Muon<double> muon(std::vector{w}, {.lr = 0.02});
  CHECK_THROWS_AS(muon.add_group(std::vector{b}), UsageError);
  CHECK(muon.groups() == 1);
  muon.add_group(std::vector{b}, {.lr = 0.5, .weight_decay = 0, .adamw = true});
  CHECK(muon.numbers_per_weight(0) == 1);
  CHECK(muon.numbers_per_weight(1) == 2);
  const std::vector<double> before = list(b);
  set_grad(b, {1, -2, 3});
  muon.step();
  // Adam's first step is the rate, up or down.
  for (std::size_t k = 0; k < 3; ++k) CHECK(std::abs(std::abs(list(b)[k] - before[k]) - 0.5) < 1e-7);
}

TEST_CASE("muon: muon_with_adamw divides a list, and goes on to the bit from a saved state") {
  const auto made = [](const std::vector<Variable<double>>& all) {
    return muon_with_adamw(all, {.lr = 0.1}, [](const auto& p) { return p.shape()[0] < 5; });
  };
  const auto list_of = [] {
    return std::vector{random_parameter({3}, 1), random_parameter({3, 2}, 2), random_parameter({6, 2}, 3)};
  };
  const auto a = list_of();
  auto muon = made(a);
  CHECK(muon.groups() == 2);
  CHECK(muon.parameters()[0].same_as(a[1]));
  CHECK(muon.parameters()[1].same_as(a[0]));
  CHECK(muon.parameters()[2].same_as(a[2]));
  const auto steps = [](Muon<double>& m, int first, int last) {
    for (int t = first; t < last; ++t) {
      for (const auto& p : m.parameters()) set_matrix_grad(p, muon_slopes(p, t));
      m.step();
    }
  };
  steps(muon, 0, 3);
  auto b = list_of();
  for (std::size_t k = 0; k < b.size(); ++k) std::copy_n(a[k].data(), a[k].size(), b[k].mutable_data());
  auto resumed = made(b);
  resumed.load_state(muon.state());
  steps(muon, 3, 6), steps(resumed, 3, 6);
  for (std::size_t k = 0; k < b.size(); ++k) CHECK(list(a[k]) == list(b[k]));
  CHECK(muon.state().arrays.contains("0.momentum_buffer"));
  CHECK(muon.state().arrays.contains("1.exp_avg_sq"));
  CHECK(muon_with_adamw(std::vector{a[0]}).groups() == 1);
  CHECK_THROWS_WITH_AS(muon_with_adamw(std::vector<Variable<double>>{}),
                       "muon: the list of parameters is empty", UsageError);
}

TEST_CASE("muon: options out of range are refused") {
  const std::vector all{random_parameter({2, 2}, 1)};
  CHECK_THROWS_WITH_AS(Muon<double>(all, {.ns_steps = 0}), "muon: ns_steps must be in [1, 100]; got 0",
                       UsageError);
  CHECK_THROWS_WITH_AS(Muon<double>(all, {.momentum = 1}), "muon: momentum must be in [0, 1); got 1",
                       UsageError);
  CHECK_THROWS_AS(Muon<double>(all, {.weight_decay = -1}), UsageError);
  CHECK_THROWS_AS(Muon<double>(all, {.eps = -1}), UsageError);
  CHECK_THROWS_AS(Muon<double>(all, {.adamw_eps = -1}), UsageError);
}
