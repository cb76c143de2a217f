#include "unroll/layers/delta_net.hpp"

#include "sequence_cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

DeltaNetCell<double> delta_net_cell(const DeltaNetOptions& options) {
  Generator rng(4);
  DeltaNetCell<double> cell(3, 4, options, rng);
  scatter(cell, 5);
  cell.weight_in.update([](auto& w) { w *= 3; });  // short q and k, made 1 long, bend sharply
  return cell;
}
constexpr DeltaNetOptions two_heads{.heads = 2, .taps = 2};
constexpr DeltaNetOptions gated_heads{.heads = 2, .taps = 2, .negative = true, .gate = true};

/// Two numbers of x from `first` on, divided by their length.
Vec on_the_circle(const Vec& x, std::size_t first) {
  const double length = std::hypot(x[first], x[first + 1]);
  return {x[first] / length, x[first + 1] / length};
}

}  // namespace

TEST_CASE("delta_net: two steps equal the hand computation, without a gate and with one") {
  for (const DeltaNetOptions& options : {two_heads, gated_heads}) {
    const auto cell = delta_net_cell(options);
    equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
      const Vec in = affine(cell.weight_in, x), strengths = affine(cell.weight_beta, x);
      Vec mixed(12), o(4, 0.0);
      for (std::size_t k = 0; k < 12; ++k) {
        const double* const w = cell.convolution.weight.data() + k * 2;
        mixed[k] = silu_of(w[0] * s[2][k] + w[1] * in[k]);
        s[2][k] = in[k];
      }
      for (std::size_t head = 0; head < 2; ++head) {
        const Vec q = on_the_circle(mixed, 2 * head), k = on_the_circle(mixed, 4 + 2 * head);
        const double beta = (options.negative ? 2 : 1) * sigma(strengths[head]);
        double* const m = s[1].data() + head * 4;
        for (std::size_t j = 0; j < 2; ++j) {
          const double error = mixed[8 + 2 * head + j] - (m[j] * k[0] + m[2 + j] * k[1]);
          for (std::size_t i = 0; i < 2; ++i) {
            m[i * 2 + j] += beta * k[i] * error;
            o[2 * head + j] += m[i * 2 + j] * q[i] / std::sqrt(2.0);
          }
        }
      }
      o = rms_normalised(o, 2, cell.norm.weight, 1e-5);
      if (options.gate) {
        const Vec z = affine(cell.weight_z, x);
        for (std::size_t k = 0; k < 4; ++k) o[k] *= silu_of(z[k]);
      }
      s[0] = affine(cell.weight_out, o);
    });
  }
}

TEST_CASE("delta_net: at once as step by step, and gradients of both orders") {
  sequence_cell_passes(delta_net_cell(two_heads), 2e-6);
  sequence_cell_passes(delta_net_cell(gated_heads), 2e-6);
}

TEST_CASE("delta_net: a stack streams as it trains, and names what does not fit") {
  Generator rng(6);
  const DeltaNet<double> net(3, 4, {.num_layers = 2}, rng);
  streams_as_it_trains(net);
  errors_are_named(net);
  CHECK(DeltaNetCell<double>(3, 256).heads() == 4);
  CHECK(!DeltaNetCell<double>(3, 4).weight_z);
  CHECK(message_of<ShapeError>([] { DeltaNetCell<double>(3, 4, {.heads = 3}); }) ==
        "delta_net: need a hidden size that is a multiple of the heads; got hidden 4, heads 3");
}
