#include "unroll/layers/rwkv7.hpp"

#include "cell_checks.hpp"
#include "golden_rwkv7.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/layers/any_recurrent.hpp"
#include "unroll/layers/beam_search.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr Rwkv7Options small_rwkv7{.heads = 2, .rank = 2};

/// Of the first layer, or of the second of two.
template <class T = double>
Rwkv7Cell<T> rwkv7_cell(index_t layer, index_t input = 3) {
  Generator rng(4);
  return {input, 4, small_rwkv7, Rwkv7Depth{.layer = layer, .layers = 2}, rng};
}
template <class T = double>
Rwkv7StackCell<T> rwkv7_stack(int blocks) {
  Generator rng(5);
  Rwkv7StackCell<T> cell(3, 4, blocks, 0, small_rwkv7, rng);
  return cell;
}

Vec times(Vec a, const Vec& b) {
  for (std::size_t k = 0; k < a.size(); ++k) a[k] *= b[k];
  return a;
}
template <class F>
Vec each(Vec a, F&& f) {
  for (double& v : a) v = f(v);
  return a;
}
/// x + (x' − x) μ with row j of `mix`.
Vec mixed_with(const Vec& x, const Vec& before, const V& mix, std::size_t j = 0) {
  Vec y = x;
  for (std::size_t k = 0; k < x.size(); ++k) y[k] += (before[k] - x[k]) * mix.data()[j * x.size() + k];
  return y;
}
Vec low_rank(const V& down, const Linear<double>& up, const Vec& x) {
  return affine(up.weight, affine(down, x), up.bias);
}

/// Time mixing of one sample and one step: x, v₁ (empty in the first layer), the matrices and the last input.
struct PlainTimeMixing {
  const Rwkv7Cell<double>& cell;
  Vec r, g, k, v, kappa, a, gate, own_value;

  void read_inputs(const Vec& x, const Vec& before, const Vec& first) {
    const auto mixed = [&](std::size_t j) { return mixed_with(x, before, cell.mix, j); };
    r = affine(cell.weight_r, mixed(0));
    const Vec narrow = each(affine(cell.weight_decay, mixed(1)), [](double u) { return std::tanh(u); });
    g = each(affine(cell.linear_decay.weight, narrow, cell.linear_decay.bias),
             [](double u) { return -std::exp(-0.5) * sigma(u); });
    k = affine(cell.weight_k, mixed(2));
    v = own_value = affine(cell.weight_v, mixed(3));
    if (cell.weight_value) {
      const Vec part = each(low_rank(cell.weight_value, cell.linear_value, mixed(3)), sigma);
      for (std::size_t n = 0; n < v.size(); ++n) v[n] += (first[n] - v[n]) * part[n];
    }
    a = each(low_rank(cell.weight_rate, cell.linear_rate, mixed(4)), sigma);
    gate = affine(cell.linear_gate.weight, each(affine(cell.weight_gate, mixed(5)), sigma));
    kappa = times(k, list(cell.key_direction));
    for (std::size_t n = 0; n < k.size(); ++n) k[n] *= 1 + (a[n] - 1) * cell.key_rate.data()[n];
  }
  /// Changes the matrix (d, d) of the head whose units begin at n0, and returns its part of the output.
  Vec head(double* s, std::size_t n0, std::size_t d) const {
    double length = 0, mean = 0, variance = 0, bonus = 0;
    for (std::size_t i = 0; i < d; ++i) length += kappa[n0 + i] * kappa[n0 + i];
    length = std::sqrt(length);
    Vec o(d, 0.0);
    for (std::size_t j = 0; j < d; ++j) {
      double held = 0;
      for (std::size_t i = 0; i < d; ++i) held += s[i * d + j] * kappa[n0 + i] / length;
      for (std::size_t i = 0; i < d; ++i) {
        double& m = s[i * d + j];
        m = std::exp(g[n0 + i]) * m - kappa[n0 + i] / length * a[n0 + i] * held + k[n0 + i] * v[n0 + j];
        o[j] += m * r[n0 + i];
      }
      mean += o[j] / double(d);
      bonus += r[n0 + j] * k[n0 + j] * cell.bonus.data()[n0 + j];
    }
    for (std::size_t j = 0; j < d; ++j) variance += (o[j] - mean) * (o[j] - mean) / double(d);
    for (std::size_t j = 0; j < d; ++j) {
      const double n = (o[j] - mean) / std::sqrt(variance + 64e-5);
      o[j] = (n * cell.norm.weight.data()[n0 + j] + cell.norm.bias.data()[n0 + j] + bonus * v[n0 + j]) *
             gate[n0 + j];
    }
    return o;
  }
  Vec operator()(const Vec& x, const Vec& first, Vec& s, Vec& shift) {
    read_inputs(x, shift, first);
    shift = x;
    Vec o = head(s.data(), 0, 2);
    for (const double u : head(s.data() + 4, 2, 2)) o.push_back(u);
    return affine(cell.weight_out, o);
  }
};

/// A language model of four symbols, for beam search.
struct Rwkv7Speaker {
  const Rwkv7StackCell<double>& cell;
  const V& embedding;
  using State = Rwkv7StackState<double>;
  DecodingStep<double, State> operator()(const Indices& symbols, const State& s) const {
    const NoGrad off;
    const State next = detail::whole_step(cell, gather(embedding, symbols), s);
    return {log_softmax(next.h), next};
  }
};

/// A cell whose state and output are slices of its input.
struct LastInput {
  using State = V;
  index_t input_size() const { return 3; }
  V initial_state(index_t batch) const { return V({batch, 2}, 0.0); }
  V step(const V& x, const V&) const { return slice(x, 1, 0, 2); }
  Scanned<double, V> sequence(const V& xs, const V& state, const RecurrenceOptions&) const {
    return {slice(xs, 2, 0, 2), state};
  }
};

}  // namespace

TEST_CASE("rwkv7: two steps of a cell equal the hand computation, in the first layer and behind it") {
  for (const index_t layer : {0, 1}) {
    const auto cell = rwkv7_cell(layer);
    scatter(cell, 3);
    PlainTimeMixing plain{cell, {}, {}, {}, {}, {}, {}, {}, {}};
    equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
      const Vec own(x.begin(), x.begin() + 3), first(x.begin() + 3, x.end());
      s[0] = plain(own, first, s[1], s[2]);
    });
  }
}

TEST_CASE("rwkv7: two steps of two blocks equal the hand computation; the second reads the first's values") {
  const auto cell = rwkv7_stack(2);
  scatter(cell, 6);
  equals_plain(cell, [&](const Vec& in, std::vector<Vec>& s) {
    Vec x = normalised(affine(cell.weight_in, in), cell.norm_in.weight, cell.norm_in.bias), first;
    for (std::size_t k = 0; k < 2; ++k) {
      const auto& block = cell.blocks[k];
      PlainTimeMixing time{block.time, {}, {}, {}, {}, {}, {}, {}, {}};
      const Vec m = normalised(x, block.norm_time.weight, block.norm_time.bias);
      x = plus(x, time(m, first, s[1 + 3 * k], s[2 + 3 * k]));
      if (k == 0) first = time.own_value;
      const Vec n = normalised(x, block.norm_channel.weight, block.norm_channel.bias);
      const Vec up = affine(block.weight_up, mixed_with(n, s[3 + 3 * k], block.mix_channel));
      x = plus(x, affine(block.weight_down, each(up, [](double u) { return u > 0 ? u * u : 0; })));
      s[3 + 3 * k] = n;
    }
    s[0] = normalised(x, cell.norm_out.weight, cell.norm_out.bias);
  });
}

TEST_CASE("rwkv7: a later layer equals the authors' code, from a carried state") {
  ReferenceCase g = golden_rwkv7_layer();
  const auto transposed = [&](const char* name) { return permute(g[name], {1, 0}); };
  Generator rng(1);
  Rwkv7Cell<double> cell(8, 8, {.heads = 2, .rank = 3}, {.layer = 1, .layers = 2}, rng);
  cell.mix = stack({g["x_r"], g["x_w"], g["x_k"], g["x_v"], g["x_a"], g["x_g"]}, 0);
  cell.weight_r = g["W_r"], cell.weight_k = g["W_k"], cell.weight_v = g["W_v"], cell.weight_out = g["W_o"];
  cell.weight_decay = transposed("w1"), cell.weight_rate = transposed("a1");
  cell.weight_value = transposed("v1"), cell.weight_gate = transposed("g1");
  cell.linear_decay.weight = transposed("w2"), cell.linear_decay.bias = g["w0"];
  cell.linear_rate.weight = transposed("a2"), cell.linear_rate.bias = g["a0"];
  cell.linear_value.weight = transposed("v2"), cell.linear_value.bias = g["v0"];
  cell.linear_gate.weight = transposed("g2");
  cell.key_direction = g["k_k"], cell.key_rate = g["k_a"], cell.bonus = reshape(g["r_k"], {2, 4});
  cell.norm.weight = g["ln_w"], cell.norm.bias = g["ln_b"];
  // There the values stand first in the state.
  const Rwkv7State<double> start{V({1, 8}, 0.0), reshape(permute(g["state0"], {0, 2, 1}), {1, 2, 4, 4}),
                                 reshape(g["x_prev0"], {1, 8})};
  const auto [y, last] = scan(cell, reshape(concat({g["x"], g["v_first"]}, 1), {6, 1, 16}), start);
  g.expect({{"y", reshape(y, {6, 8})},
            {"state", permute(select(last.s, 0, 0), {0, 2, 1})},
            {"x_prev", reshape(last.shift, {8})}});
}

TEST_CASE("rwkv7: all steps at once equal one step at a time") {
  for (const index_t layer : {0, 1}) {
    const auto cell = rwkv7_cell(layer);
    scatter(cell, 3);
    check_parallel(cell);
  }
  const auto stack = rwkv7_stack(2);
  scatter(stack, 6);
  check_parallel(stack);
  check_parallel(rwkv7_stack<float>(2));
}

TEST_CASE("rwkv7: gradients of first and second order pass the check") {
  const auto cell = rwkv7_stack(2);
  scatter(cell, 6);
  const V x = random_parameter({3, 2, 3}, 12);
  const auto start = random_state(cell.initial_state(2), 22);
  std::vector<V> inputs = leaves(cell);
  inputs.push_back(x);
  for (const V& v : members(start)) inputs.push_back(v);
  const auto run = [&](const ScanOptions& options) {
    return [&, options](const auto&) {
      const auto [y, last] = scan(cell, x, start, options);
      std::vector<V> all = members(last);
      all.push_back(y);
      return all;
    };
  };
  // Norms over two or four elements bend so much that the differences need a step smaller than usual.
  gradcheck(run({}), inputs, {.full = true, .step = 2e-6});
  gradcheck(run({.lengths = {1, 3}, .resets = Indices({3, 2}, {0, 0, 1, 0, 0, 1})}), inputs, {.step = 2e-6});
  gradgradcheck([&](const auto&) { return scan(cell, x, start).output; }, inputs, {.step = 2e-6});
}

TEST_CASE("rwkv7: a reset clears matrices and token shifts") {
  Generator rng(6);
  Rwkv7<double> net(3, 4, {.num_layers = 2}, small_rwkv7, rng);
  scatter(net, 7);
  const V x = random_parameter({6, 1, 3}, 6);
  const V y = net(x, {.resets = Indices({6, 1}, {0, 0, 0, 1, 0, 0})}).output;
  const V after = slice(y, 0, 3, 6);
  CHECK(distance(list(after), list(net(V(slice(x, 0, 3, 6))).output)) < 1e-13);
  const V d = grad<double>({sum(after * random_parameter(after.shape(), 8).detach())}, std::vector{x})[0];
  // The slope of a decay is a difference of two sums, which leaves a rounding.
  for (index_t k = 0; k < 9; ++k) CHECK(std::abs(d.data()[k]) < 1e-14 * std::abs(d.data()[9]));
}

TEST_CASE("rwkv7: a network streams as it trains, carries one state, and runs as any layer") {
  Generator rng(6);
  Rwkv7<double> net(3, 4, {.num_layers = 3}, small_rwkv7, rng);
  scatter(net, 7);
  const V x = random_parameter({12, 2, 3}, 6).detach();
  const auto whole = net(x);
  CHECK(whole.state.blocks.size() == 3);
  CHECK(whole.state.blocks[2].s.shape() == Shape{1, 2, 2, 2, 2});
  auto s = stream(net, 2);
  for (index_t t = 0; t < 12; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(whole.output, 0, t))) < 1e-12);
  const auto first = net(V(slice(x, 0, 0, 5)));
  const auto rest = net(V(slice(x, 0, 5, 12)), first.state);
  CHECK(distance(list(rest.output), list(slice(whole.output, 0, 5, 12))) < 1e-12);
  const AnyRecurrent<double> any = net;
  const auto run = any(x);
  CHECK(list(run.output) == list(whole.output));
  CHECK(run.state.members[9].name == "shift_channel_2");
  CHECK(list(any(x, run.state).output) == list(net(x, whole.state).output));
}

TEST_CASE("rwkv7: a cell does not notice when the input of the step before is overwritten") {
  const auto cell = rwkv7_cell(0);
  scatter(cell, 3);
  const V xs = random_parameter({2, 2, 3}, 6).detach();
  const NoGrad off;
  V x = V(select(xs, 0, 0)).copy();
  const auto first = cell.step(x, cell.initial_state(2));
  std::copy_n(list(select(xs, 0, 1)).data(), 6, x.mutable_data());
  CHECK(distance(list(cell.step(x, first).h), list(select(scan(cell, xs).output, 0, 1))) < 1e-13);
}

TEST_CASE("check_parallel: takes a state that is a view with gaps") {
  CHECK_NOTHROW(check_parallel(LastInput()));
}

TEST_CASE("rwkv7: runs in both directions, and in beam search") {
  Generator rng(6);
  Rwkv7<double> both(3, 4, {.num_layers = 2, .bidirectional = true}, small_rwkv7, rng);
  const V x = random_parameter({5, 2, 3}, 6).detach();
  const auto run = both(x);
  CHECK(run.output.shape() == Shape{5, 2, 8});
  const auto back = scan(both.cell(0, 1), x, {.reverse = true});
  CHECK(distance(list(slice(run.output, 2, 4, 8)), list(back.output)) < 1e-13);

  const auto cell = rwkv7_stack(2);
  scatter(cell, 9);
  const V embedding = random_parameter({4, 3}, 3).detach();
  const Rwkv7Speaker model{cell, embedding};
  const auto found = beam_search(model, cell.initial_state(2), {.start = 0, .end = 1, .max_length = 4},
                                 {.beam = 3, .alpha = 0});
  const Hypothesis& best = found[1][0];
  double log_probability = 0;
  auto state = cell.initial_state(1);
  std::vector<std::int64_t> said = best.symbols;
  if (said.size() < 4) said.push_back(1);
  std::int64_t last = 0;
  for (const std::int64_t symbol : said) {
    const auto next = model({last}, state);
    log_probability += next.log_probs.data()[symbol], state = next.state, last = symbol;
  }
  CHECK(best.log_probability == doctest::Approx(log_probability).epsilon(1e-12));
}

TEST_CASE("rwkv7: begins as the authors' code does, adding nothing to its input") {
  Generator rng(6);
  const Rwkv7StackCell<double> cell(4, 4, 2, 0, small_rwkv7, rng);
  const V x = random_parameter({3, 2, 4}, 6).detach();
  CHECK(distance(list(scan(cell, x).output), list(cell.norm_out(cell.norm_in(x)))) < 1e-13);
  const Rwkv7Cell<double>&first = cell.blocks[0].time, &second = cell.blocks[1].time;
  // Of two layers: 1 − (n/4)^p, with p of r 0.2 and 0.1, of k 0.7 and 0.35.
  CHECK(first.mix.data()[0] == 1);
  CHECK(first.mix.data()[2] == doctest::Approx(1 - std::pow(0.5, 0.2)).epsilon(1e-12));
  CHECK(second.mix.data()[8 + 2] == doctest::Approx(1 - std::pow(0.5, 0.35)).epsilon(1e-12));
  CHECK(cell.blocks[1].mix_channel.data()[2] == doctest::Approx(1 - std::pow(0.5, 0.0625)).epsilon(1e-12));
  // −5.5 + 6 (n/3)^p ± 2.5 at both ends of a head, with p 1 and 2.
  CHECK(first.linear_decay.bias.data()[1] == doctest::Approx(-5.5 + 2 + 2.5).epsilon(1e-12));
  CHECK(second.linear_decay.bias.data()[2] == doctest::Approx(-5.5 + 6 * 4 / 9.0 - 2.5).epsilon(1e-12));
  CHECK(first.linear_rate.bias.data()[3] == doctest::Approx(-0.19 + 0.3 + 0.2).epsilon(1e-12));
  CHECK(second.linear_value.bias.data()[0] == doctest::Approx(0.73 + 0.2).epsilon(1e-12));
  CHECK(first.key_direction.data()[0] == doctest::Approx(0.71 + 0.05).epsilon(1e-12));
  const V w = first.linear_gate.weight;  // columns of length 0.1, each at right angles to the other
  const Vec product = list(matmul(permute(w, {1, 0}), w));
  CHECK(distance(product, {0.01, 0, 0, 0.01}) < 1e-15);
  CHECK(Rwkv7Cell<float>(256, 256).heads() == 4);
  CHECK(Rwkv7Cell<float>(256, 256).weight_gate.shape() == Shape{96, 256});
  CHECK(Rwkv7Cell<float>(3, 1).hidden_size() == 1);
}

TEST_CASE("rwkv7: dropout acts in training alone, on what the parts add") {
  Generator rng(2);
  Rwkv7<double> net(3, 4, {.num_layers = 2, .dropout = 0.5}, small_rwkv7, rng);
  scatter(net, 3);
  const V x = random_parameter({6, 2, 3}, 6).detach();
  CHECK(list(net(x).output) != list(net(x).output));
  CHECK_FALSE(net.cell(0).row_wise());
  eval(net);
  CHECK(list(net(x).output) == list(net(x).output));
  CHECK(net.cell(0).row_wise());
}

TEST_CASE("rwkv7: names what does not fit") {
  using Cell = Rwkv7Cell<double>;
  CHECK(names(Rwkv7Cell<double>(3, 4, small_rwkv7, Rwkv7Depth{.layer = 1, .layers = 2})) ==
        "mix(6, 3) weight_r(4, 3) weight_k(4, 3) weight_v(4, 3) weight_decay(2, 3) linear_decay.weight(4, 2) "
        "linear_decay.bias(4,) weight_rate(2, 3) linear_rate.weight(4, 2) linear_rate.bias(4,) "
        "weight_value(2, 3) linear_value.weight(4, 2) linear_value.bias(4,) weight_gate(2, 3) "
        "linear_gate.weight(4, 2) key_direction(4,) key_rate(4,) bonus(2, 2) norm.weight(4,) norm.bias(4,) "
        "weight_out(4, 4)");
  CHECK(message_of<ShapeError>([] { Cell(3, 4, {.heads = 3}); }) ==
        "rwkv7: need a hidden size that is a multiple of the heads; got hidden 4, heads 3");
  CHECK(message_of<UsageError>([] { Cell(3, 4, {}, {.layer = 2, .layers = 2}); }) ==
        "rwkv7: need a layer from 0 to layers − 1; got layer 2 of 2");
  CHECK_THROWS_AS(Cell(3, 4, {.rank = -1}), ShapeError);
  CHECK_THROWS_AS(Cell(0, 4), ShapeError);
  CHECK(message_of<UsageError>([] { Rwkv7<double>(3, 4, {.num_layers = 0}); }) ==
        "rwkv7: need num_layers ≥ 1; got 0");
  CHECK_THROWS_AS(Rwkv7<double>(3, 4, {.dropout = 2}), UsageError);
  Generator rng(1);
  errors_are_named(Rwkv7<double>(3, 4, {}, small_rwkv7, rng));
}
