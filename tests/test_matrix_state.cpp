#include "cell_checks.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/gated_delta.hpp"
#include "unroll/layers/gla.hpp"
#include "unroll/layers/ret_net.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class Cell, class Options>
Cell drawn_matrix_cell(const Options& options) {
  Generator rng(4);
  return Cell(3, 4, options, rng);
}

double silu_number(double v) { return v * sigma(v); }
double log_sigma(double v) { return -std::log1p(std::exp(-v)); }

/// d numbers of `x` from `first` on, divided by their length.
Vec unit_length(const Vec& x, std::size_t first, std::size_t d) {
  double square = 0;
  for (std::size_t j = 0; j < d; ++j) square += x[first + j] * x[first + j];
  Vec y;
  for (std::size_t j = 0; j < d; ++j) y.push_back(x[first + j] / std::sqrt(square));
  return y;
}
Vec part_of(const Vec& x, std::size_t first, std::size_t d) {
  return {x.begin() + long(first), x.begin() + long(first + d)};
}

/// norm(Sᵀ q / √d) ⊙ silu(z) of one head, whose matrix (d, d) begins at s.
void read_head(const double* s, const Vec& q, const double* gamma, const double* z, double* to) {
  const std::size_t d = q.size();
  Vec o(d, 0.0);
  double square = 0;
  for (std::size_t j = 0; j < d; ++j) {
    for (std::size_t i = 0; i < d; ++i) o[j] += s[i * d + j] * q[i] / std::sqrt(double(d));
    square += o[j] * o[j] / double(d);
  }
  for (std::size_t j = 0; j < d; ++j)
    to[j] = o[j] / std::sqrt(square + 1e-5) * (gamma ? gamma[j] : 1) * silu_number(z[j]);
}

template <class Cell>
void all_checks_pass(const Cell& cell) {
  check_parallel(cell);
  const V x = random_parameter({3, 2, 3}, 12);
  std::vector<V> inputs = leaves(cell);
  inputs.push_back(x);
  const auto f = [&](const auto&) { return scan(cell, x).output; };
  gradcheck(f, inputs, {.full = true});
  gradgradcheck(f, inputs);
  gradcheck(
      [&](const auto&) {
        return scan(cell, x, {.resets = Indices({3, 2}, {0, 0, 1, 0, 0, 1})}).output;
      },
      inputs);
}

}  // namespace

TEST_CASE("gated_delta: two steps equal the hand computation") {
  const auto cell = drawn_matrix_cell<GatedDeltaCell<double>>(GatedDeltaOptions{.heads = 2, .taps = 2});
  scatter(cell, 3);
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec in = affine(cell.weight_in, x), gates = affine(cell.weight_gates, x),
              z = affine(cell.weight_z, x);
    Vec mixed(12), gated(4);
    for (std::size_t k = 0; k < 12; ++k) {
      const double* const w = cell.convolution.weight.data() + k * 2;
      mixed[k] = silu_number(w[0] * s[2][k] + w[1] * in[k]);
      s[2][k] = in[k];
    }
    for (std::size_t head = 0; head < 2; ++head) {
      const Vec q = unit_length(mixed, 2 * head, 2), k = unit_length(mixed, 4 + 2 * head, 2),
                v = part_of(mixed, 8 + 2 * head, 2);
      const double beta = 2 * sigma(gates[head]);
      const double decay = std::exp(-std::exp(cell.log_rate.data()[head]) *
                                    std::log1p(std::exp(gates[2 + head] + cell.bias_decay.data()[head])));
      double* const m = s[1].data() + head * 4;
      for (std::size_t i = 0; i < 4; ++i) m[i] *= decay;
      for (std::size_t j = 0; j < 2; ++j) {
        const double error = v[j] - (m[j] * k[0] + m[2 + j] * k[1]);
        for (std::size_t i = 0; i < 2; ++i) m[i * 2 + j] += beta * k[i] * error;
      }
      read_head(m, q, cell.norm.weight.data(), z.data() + 2 * head, gated.data() + 2 * head);
    }
    s[0] = affine(cell.weight_out, gated);
  });
}

TEST_CASE("gla and ret_net: two steps equal the hand computation") {
  const auto plain = [](const auto& cell, auto&& decay) {
    equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
      const Vec in = affine(cell.weight_in, x), g = decay(x);
      Vec gated(4);
      for (std::size_t head = 0; head < 2; ++head) {
        double* const m = s[1].data() + head * 4;
        for (std::size_t i = 0; i < 2; ++i)
          for (std::size_t j = 0; j < 2; ++j)
            m[i * 2 + j] =
                std::exp(g[2 * head + i]) * m[i * 2 + j] + in[4 + 2 * head + i] * in[8 + 2 * head + j];
        read_head(m, part_of(in, 2 * head, 2), cell.norm.weight ? cell.norm.weight.data() : nullptr,
                  in.data() + 12 + 2 * head, gated.data() + 2 * head);
      }
      s[0] = affine(cell.weight_out, gated);
    });
  };
  const auto gla = drawn_matrix_cell<GlaCell<double>>(MatrixStateOptions{.heads = 2});
  scatter(gla, 3);
  plain(gla, [&](const Vec& x) {
    Vec g = affine(gla.linear_decay.weight, affine(gla.weight_decay, x), gla.linear_decay.bias);
    for (double& v : g) v = log_sigma(v) / 16;
    return g;
  });
  const auto ret_net = drawn_matrix_cell<RetNetCell<double>>(MatrixStateOptions{.heads = 2});
  plain(ret_net, [&](const Vec&) {
    const double a = std::log(1 - 1.0 / 32), b = std::log(1 - 1.0 / 64);
    return Vec{a, a, b, b};
  });
}

TEST_CASE("gated_delta, gla and ret_net: at once as step by step, and gradients of both orders") {
  all_checks_pass(drawn_matrix_cell<GatedDeltaCell<double>>(GatedDeltaOptions{.heads = 2}));
  all_checks_pass(
      drawn_matrix_cell<GatedDeltaCell<double>>(GatedDeltaOptions{.negative = false, .gated = false}));
  all_checks_pass(drawn_matrix_cell<GlaCell<double>>(MatrixStateOptions{.heads = 2}));
  all_checks_pass(drawn_matrix_cell<RetNetCell<double>>(MatrixStateOptions{.heads = 2}));
  check_parallel(drawn_matrix_cell<GatedDeltaCell<float>>(GatedDeltaOptions{.heads = 2}));
}

TEST_CASE("gated_delta: a stack streams as it trains, and what does not fit is named") {
  Generator rng(6);
  GatedDelta<double> net(3, 4, {.num_layers = 2}, rng);
  const V x = random_parameter({12, 2, 3}, 6).detach();
  const V y = net(x).output;
  auto s = stream(net, 2);
  for (index_t t = 0; t < 12; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(y, 0, t))) < 1e-12);
  CHECK(GatedDeltaCell<float>(3, 256).heads() == 4);
  CHECK(message_of<ShapeError>([] { GatedDeltaCell<double>(3, 4, GatedDeltaOptions{.heads = 3}); }) ==
        "gated_delta: need a hidden size that is a multiple of the heads; got hidden 4, heads 3");
  CHECK_THROWS_AS(RetNetCell<double>(0, 4, MatrixStateOptions{}), ShapeError);
}
