#include "unroll/layers/kda.hpp"

#include "golden_kda.hpp"
#include "sequence_cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

KdaCell<double> kda_cell(const KdaOptions& options = {
                             .heads = 2, .value_heads = 4, .rank = 1, .taps = 2, .negative = true}) {
  Generator rng(4);
  return KdaCell<double>(3, 4, options, rng);
}

/// Two numbers of x from `first` on, divided by their length.
Vec direction(const Vec& x, std::size_t first) {
  const double length = std::hypot(x[first], x[first + 1]);
  return {x[first] / length, x[first + 1] / length};
}

}  // namespace

TEST_CASE("kda: the recurrence equals its authors', with twice as many value heads and a carried state") {
  const ReferenceCase golden = golden_kda_groups();
  const auto of = [&](const char* name) { return transpose(golden[name], 0, 1); };
  const auto [y, s] =
      linear_attention(detail::repeat_heads(of("q"), 2), detail::repeat_heads(of("k"), 2), of("v"),
                       {.decay = of("g"),
                        .beta = of("beta"),
                        .state = golden["initial_state"],
                        .rule = LinearAttentionRule::gated_delta});
  ReferenceCase(golden).expect({{"o", transpose(y, 0, 1)}, {"final_state", s}});
}

TEST_CASE("kda: two steps equal the hand computation") {
  const auto cell = kda_cell();
  scatter(cell, 3);
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec in = affine(cell.weight_in, x), gates = affine(cell.weight_gates, x);  // r_g, r_z, four β̂
    const Vec decay = affine(cell.linear_decay.weight, {gates[0]}, cell.linear_decay.bias),
              z = affine(cell.linear_gate.weight, {gates[1]}, cell.linear_gate.bias);
    Vec mixed(16), o(8, 0.0);
    for (std::size_t k = 0; k < 16; ++k) {
      const double* const w = cell.convolution.weight.data() + k * 2;
      mixed[k] = silu_of(w[0] * s[2][k] + w[1] * in[k]);
      s[2][k] = in[k];
    }
    for (std::size_t head = 0; head < 4; ++head) {
      const Vec q = direction(mixed, head / 2 * 2), k = direction(mixed, 4 + head / 2 * 2);
      double* const m = s[1].data() + head * 4;
      for (std::size_t i = 0; i < 4; ++i)
        m[i] *= std::exp(-std::exp(cell.log_rate.data()[head]) * softplus_of(decay[head * 2 + i / 2]));
      for (std::size_t j = 0; j < 2; ++j) {
        const double error = mixed[8 + head * 2 + j] - (m[j] * k[0] + m[2 + j] * k[1]);
        for (std::size_t i = 0; i < 2; ++i) {
          m[i * 2 + j] += 2 * sigma(gates[2 + head]) * k[i] * error;
          o[head * 2 + j] += m[i * 2 + j] * q[i] / std::sqrt(2.0);
        }
      }
    }
    o = rms_normalised(o, 2, cell.norm.weight, 1e-5);
    for (std::size_t k = 0; k < 8; ++k) o[k] *= sigma(z[k]);
    s[0] = affine(cell.weight_out, o);
  });
}

TEST_CASE("kda: at once as step by step, and gradients of both orders") {
  const auto cell = kda_cell();
  scatter(cell, 3);
  sequence_cell_passes(cell, 2e-6);  // short q and k, made 1 long, bend sharply
  check_parallel(kda_cell({}));
}

TEST_CASE("kda: a stack streams as it trains, begins as its code does, and names what does not fit") {
  Generator rng(6);
  const Kda<double> net(3, 4, {.num_layers = 2}, rng);
  streams_as_it_trains(net);
  errors_are_named(net);
  const auto cell = kda_cell();
  for (const double v : list(V(exp(cell.log_rate)))) CHECK((v >= 1 && v < 16));
  for (const double v : list(V(softplus(cell.linear_decay.bias))))
    CHECK((v >= 0.001 - 1e-9 && v <= 0.1 + 1e-9));
  CHECK(KdaCell<double>(3, 256).value_heads() == 4);
  CHECK(message_of<ShapeError>([] { kda_cell({.heads = 3}); }) ==
        "kda: need a hidden size that is a multiple of the heads; got hidden 4, heads 3");
  CHECK(message_of<ShapeError>([] { kda_cell({.heads = 2, .value_heads = 3}); }) ==
        "kda: need value heads that are a multiple of the 2 heads; got 3");
  CHECK(message_of<ShapeError>([] { kda_cell({.rank = -1}); }) == "cell: need rank from 1 to 2^40; got -1");
}
