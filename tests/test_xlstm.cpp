#include "unroll/layers/xlstm.hpp"

#include "cell_checks.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/layers/beam_search.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

/// x / √(variance + 1e-5), without its mean, times the scale; of d numbers from `first` on.
void normalise_part(Vec& x, std::size_t first, std::size_t d, const double* scale) {
  double mean = 0, variance = 0;
  for (std::size_t k = first; k < first + d; ++k) mean += x[k] / double(d);
  for (std::size_t k = first; k < first + d; ++k) variance += (x[k] - mean) * (x[k] - mean) / double(d);
  for (std::size_t k = first; k < first + d; ++k)
    x[k] = scale[k] * (x[k] - mean) / std::sqrt(variance + 1e-5);
}

/// W x for a W of blocks on the diagonal, of which the first is at w.
Vec by_blocks(const double* w, const Vec& x, std::size_t block) {
  Vec y(x.size(), 0.0);
  for (std::size_t r = 0; r < x.size(); ++r)
    for (std::size_t c = 0; c < block; ++c) y[r] += w[r * block + c] * x[r / block * block + c];
  return y;
}

double silu_alone(double v) { return v * sigma(v); }
double gelu_alone(double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); }

/// silu of a convolution of two taps; `before` becomes x.
Vec mixed_by(const CausalConv1d<double>& conv, Vec& before, const Vec& x) {
  Vec y(x.size());
  for (std::size_t k = 0; k < x.size(); ++k)
    y[k] = silu_alone(conv.weight.data()[2 * k] * before[k] + conv.weight.data()[2 * k + 1] * x[k] +
                      conv.bias.data()[k]);
  before = x;
  return y;
}

XlstmCell<double> small_xlstm(const std::string& pattern, index_t input = 4) {
  Generator rng(3);
  XlstmCell<double> cell(input, 4, {.pattern = pattern, .heads = 2, .taps = 2}, rng);
  scatter(cell, 4);
  return cell;
}

}  // namespace

TEST_CASE("xlstm: two steps of an mLSTM block equal the hand computation") {
  const MlstmBlock<double> block = small_xlstm("m").mlstm[0];
  equals_plain(block, [&](const Vec& x, std::vector<Vec>& s) {
    Vec n = x;
    normalise_part(n, 0, 4, block.norm.weight.data());
    const Vec up = affine(block.weight_up, n), u(up.begin(), up.begin() + 8);
    const Vec a = mixed_by(block.convolution, s[1], u), q = by_blocks(block.weight_qk.data(), a, 4),
              k = by_blocks(block.weight_qk.data() + 32, a, 4), v = by_blocks(block.weight_v.data(), u, 4);
    Vec all = q;
    all.insert(all.end(), k.begin(), k.end());
    all.insert(all.end(), v.begin(), v.end());
    const Vec gates = affine(block.weight_gates, all, block.bias_gates);
    Vec read(8);
    for (std::size_t head = 0; head < 2; ++head) {
      const double l = s[4][head] + std::log(sigma(gates[2 + head])), m = std::max(gates[head], l);
      const double i = std::exp(gates[head] - m) / 2, f = std::exp(l - m);  // √d is 2
      double along = 0;
      for (std::size_t r = 0; r < 4; ++r) {
        const std::size_t at = 4 * head + r;
        s[3][at] = f * s[3][at] + i * k[at];
        along += s[3][at] * q[at];
        for (std::size_t c = 0; c < 4; ++c) {
          double& entry = s[2][4 * at + c];
          entry = f * entry + i * k[at] * v[4 * head + c];
          read[4 * head + c] += entry * q[at];
        }
      }
      for (std::size_t c = 4 * head; c < 4 * head + 4; ++c)
        read[c] /= std::max(std::abs(along), std::exp(-m)) + 1e-6;
      normalise_part(read, 4 * head, 4, block.norm_heads.weight.data());
      s[4][head] = m;
    }
    for (std::size_t c = 0; c < 8; ++c)
      read[c] = (read[c] + block.skip.data()[c] * a[c]) * silu_alone(up[8 + c]);
    s[0] = plus(x, affine(block.weight_down, read));
  });
}

TEST_CASE("xlstm: two steps of an sLSTM block equal the hand computation") {
  const SlstmBlock<double> block = small_xlstm("s").slstm[0];
  equals_plain(block, [&](const Vec& x, std::vector<Vec>& s) {
    Vec n = x;
    normalise_part(n, 0, 4, block.norm.weight.data());
    const Vec a = mixed_by(block.convolution, s[1], n), y = s[2];
    const double* const w[] = {block.weight_if.data(), block.weight_if.data() + 8, block.weight_zo.data(),
                               block.weight_zo.data() + 8};
    Vec gates[4];
    for (std::size_t g = 0; g < 4; ++g)
      gates[g] = plus(
          plus(by_blocks(w[g], g < 2 ? a : n, 2), by_blocks(block.unit.cell.weight_hh.data() + 8 * g, y, 2)),
          list(slice(block.bias, 0, index_t(4 * g), index_t(4 * g + 4))));
    for (std::size_t j = 0; j < 4; ++j) {
      const double l = s[5][j] + std::log(sigma(gates[1][j])), m = std::max(gates[0][j], l);
      const double i = std::exp(gates[0][j] - m), f = std::exp(l - m);
      s[3][j] = f * s[3][j] + i * std::tanh(gates[2][j]);
      s[4][j] = f * s[4][j] + i;
      s[5][j] = m;
      s[2][j] = sigma(gates[3][j]) * s[3][j] / s[4][j];
    }
    Vec normed = s[2];
    for (const std::size_t first : {0, 2}) normalise_part(normed, first, 2, block.norm_heads.weight.data());
    const Vec u = plus(x, normed);
    Vec r = u;
    normalise_part(r, 0, 4, block.norm_feed_forward.weight.data());
    const Vec both = affine(block.weight_ff, r);
    Vec gated(both.size() / 2);
    for (std::size_t k = 0; k < gated.size(); ++k) gated[k] = gelu_alone(both[k]) * both[gated.size() + k];
    s[0] = plus(u, affine(block.weight_down, gated));
  });
}

TEST_CASE("xlstm: all steps of a stack at once equal one step at a time") {
  check_parallel(small_xlstm("msm", 3), {.tolerance = 1e-11});  // three norms deep
  Generator rng(3);
  check_parallel(XlstmCell<float>(4, 4, {.pattern = "sm"}, rng));
}

TEST_CASE("xlstm: gradients of first and second order pass the check") {
  const auto cell = small_xlstm("ms", 3);
  const V x = random_parameter({3, 2, 3}, 12);
  std::vector<V> inputs = leaves(cell);
  inputs.push_back(x);
  const auto f = [&](const auto&) { return scan(cell, x).output; };
  gradcheck(f, inputs);
  gradgradcheck(f, inputs);
  const ScanOptions ragged{.lengths = {1, 3}, .resets = Indices({3, 2}, {0, 0, 1, 0, 0, 1})};
  gradcheck([&](const auto&) { return scan(cell, x, ragged).output; }, inputs);
}

TEST_CASE("xlstm: a stack is its blocks one after the other, and a norm") {
  const auto cell = small_xlstm("mms");
  const V x = random_parameter({5, 2, 4}, 7);
  const V y = scan(cell.slstm[0], scan(cell.mlstm[1], scan(cell.mlstm[0], x).output).output).output;
  CHECK(distance(list(scan(cell, x).output), list(cell.norm(y))) < 1e-13);
}

TEST_CASE("xlstm: a layer streams as it trains; its state is one value with members by name") {
  Generator rng(6);
  Xlstm<double> net(3, 4, {.pattern = "msm"}, {}, rng);
  const V x = random_parameter({9, 2, 3}, 6).detach();
  const auto [y, last] = net(x);
  auto s = stream(net, 2);
  for (index_t t = 0; t < 9; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(y, 0, t))) < 1e-12);
  std::string names_of;
  auto copy = last;
  copy.visit([&](std::string_view name, V& v) { names_of += std::string(name) + v.shape().str() + " "; });
  CHECK(names_of ==
        "h(1, 2, 4) mlstm0_convolution(1, 2, 3, 8) mlstm0_c(1, 2, 4, 2, 2) mlstm0_n(1, 2, 4, 2) mlstm0_m(1, "
        "2, 4) "
        "mlstm1_convolution(1, 2, 3, 8) mlstm1_c(1, 2, 4, 2, 2) mlstm1_n(1, 2, 4, 2) mlstm1_m(1, 2, 4) "
        "slstm0_convolution(1, 2, 3, 4) slstm0_y(1, 2, 4) slstm0_c(1, 2, 4) slstm0_n(1, 2, 4) slstm0_m(1, 2, "
        "4) ");
  // In two pieces, and from the state that is not there.
  const auto first = net(slice(x, 0, 0, 4), XlstmState<double>{});
  const auto rest = net(slice(x, 0, 4, 9), first.state);
  CHECK(distance(list(rest.output), list(slice(y, 0, 4, 9))) < 1e-12);
  CHECK(net.state_size() == 4 + 2 * (3 * 8 + 16 + 8 + 4) + 3 * 4 + 4 * 4);
}

TEST_CASE("xlstm: beam search carries the state of all blocks") {
  const auto cell = small_xlstm("msm");
  const V table = random_parameter({4, 4}, 8, -3, 3).detach();
  const auto model = [&](const Indices& symbols, const XlstmState<double>& s) {
    const auto next = unroll::detail::whole_step(cell, embedding(table, symbols), s);
    return DecodingStep<double, XlstmState<double>>{log_softmax(linear(next.h, table)), next};
  };
  const auto found = beam_search(model, cell.initial_state(2), {.max_length = 5}, {.beam = 3, .best = 3});
  for (const Hypothesis& h : found[1]) {
    std::vector<std::int64_t> given = {0};
    given.insert(given.end(), h.symbols.begin(), h.symbols.end() - 1);
    const V x = embedding(table, Indices(Shape{5, 1}, given));
    const Vec said = list(V(log_softmax(linear(scan(cell, x).output, table))));
    double sum = 0;
    for (std::size_t t = 0; t < 5; ++t) sum += said[4 * t + static_cast<std::size_t>(h.symbols[t])];
    CHECK(sum == doctest::Approx(h.log_probability).epsilon(1e-12));
  }
  CHECK(found[1].size() == 3);
}

TEST_CASE("xlstm: dropout acts while training alone, and what does not fit is named") {
  Generator rng(6);
  Xlstm<double> net(3, 4, {.pattern = "ms", .dropout = 0.5}, {}, rng);
  const V x = random_parameter({3, 2, 3}, 6).detach();
  CHECK(list(net(x).output) != list(net(x).output));
  eval(net);
  CHECK(list(net(x).output) == list(net(x).output));
  errors_are_named(Xlstm<double>(3, 4));
  CHECK(message_of<UsageError>([] { XlstmCell<double>(3, 4, {.pattern = "mx"}); }) ==
        "xlstm: need a pattern of the letters m and s, one for each block; got 'mx'");
  CHECK_THROWS_AS(XlstmCell<double>(3, 4, {.pattern = ""}), UsageError);
  CHECK(message_of<ShapeError>([] { XlstmCell<double>(3, 4, {.heads = 3}); }) ==
        "xlstm: need a hidden size that is a multiple of the heads; got hidden 4, heads 3");
  CHECK_THROWS_AS(XlstmCell<double>(3, 4, {.taps = 0}), ShapeError);
  CHECK_THROWS_AS(XlstmCell<double>(3, 4, {.dropout = 1.5}), UsageError);
  CHECK(XlstmCell<float>(5, 7).mlstm[0].heads() == 1);
}
