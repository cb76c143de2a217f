#include "cell_checks.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/decoder_cells.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr index_t I = 2, H = 3, E = 3, S = 4, B = 2, T = 3;
const Indices source_lengths = {2, 4};

template <template <class> class Decoder, class Cell>
struct Case {
  Decoder<Cell> decoder;
  V x = random_parameter({T, B, I}, 31), outputs = random_parameter({S, B, E}, 32);
  typename CellStack<Cell>::State start;

  explicit Case(AttentionKind kind, int layers = 1) {
    Generator rng(7);
    decoder =
        Decoder<Cell>(I, H, {.memory = E, .attention = kind, .attention_size = 4, .num_layers = layers}, rng);
    scatter(decoder, 8);
    start = random_state(CellStack<Cell>(I, H, layers, 0, rng).initial_state(B), 33);
  }
  auto state() const { return decoder.begin(start, outputs, source_lengths); }
  auto run(const ScanOptions& options = {}) const { return scan(decoder, x, state(), options); }
  std::vector<V> inputs() const {
    std::vector<V> all = leaves(decoder);
    all.insert(all.end(), {x, outputs});
    for (const V& v : members(start)) all.push_back(v);
    return all;
  }
};

Vec joined(Vec a, const Vec& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// One step of a GRU, on plain numbers.
Vec plain_gru(const GruCell<double>& cell, const Vec& x, const Vec& h) {
  const Vec xs = affine(cell.weight_ih, x, cell.bias_ih), hs = affine(cell.weight_hh, h, cell.bias_hh);
  Vec next(h.size());
  for (std::size_t k = 0; k < h.size(); ++k) {
    const std::size_t z = k + h.size(), n = z + h.size();
    const double gate = sigma(xs[z] + hs[z]);
    next[k] = (1 - gate) * std::tanh(xs[n] + sigma(xs[k] + hs[k]) * hs[n]) + gate * h[k];
  }
  return next;
}

/// Dot attention over the first `length` outputs of sequence b, on plain numbers.
Vec plain_context(const V& outputs, index_t b, index_t length, const Vec& query) {
  Vec context(E, 0.0);
  double total = 0;
  for (index_t s = 0; s < length; ++s) {
    const Vec v = list(select(select(outputs, 0, s), 0, b));
    double score = 0;
    for (std::size_t e = 0; e < v.size(); ++e) score += query[e] * v[e];
    total += std::exp(score);
    for (std::size_t e = 0; e < v.size(); ++e) context[e] += std::exp(score) * v[e];
  }
  for (double& c : context) c /= total;
  return context;
}

Vec plain_attentional(const auto& decoder, const Vec& c, const Vec& h) {
  Vec y = plus(affine(decoder.weight_context, c), affine(decoder.weight_hidden, h));
  for (double& v : y) v = std::tanh(v);
  return y;
}

/// Runs `step`(x, h, h̃, context of a query) → the new (h, h̃) for each sequence, and compares.
template <template <class> class Decoder>
void equals_equations(const auto& step) {
  const Case<Decoder, GruCell<double>> c(AttentionKind::dot);
  // The parameters of the only layer, in the order of visit().
  GruCell<double> gru;
  const std::vector<V> p = leaves(c.decoder);
  gru.weight_ih = p[0], gru.weight_hh = p[1], gru.bias_ih = p[2], gru.bias_hh = p[3];
  const V y = c.run().output;
  for (index_t b = 0; b < B; ++b) {
    Vec h = list(select(c.start.layers[0], 0, b)), attentional(H, 0.0);
    for (index_t t = 0; t < T; ++t) {
      const Vec x = list(select(select(c.x, 0, t), 0, b));
      step(c.decoder, gru, x, h, attentional,
           [&](const Vec& q) { return plain_context(c.outputs, b, source_lengths[b], q); });
      // Some dozen roundings of numbers of order 1.
      CHECK(distance(list(select(select(y, 0, t), 0, b)), attentional) < 1e-14);
    }
  }
}

}  // namespace

TEST_CASE("luong decoder: equals its equations on plain numbers") {
  equals_equations<LuongDecoder>([](auto& d, auto& gru, const Vec& x, Vec& h, Vec& attentional, auto read) {
    h = plain_gru(gru, x, h);
    attentional = plain_attentional(d, read(h), h);
  });
}

TEST_CASE("input-feeding decoder: equals its equations on plain numbers") {
  equals_equations<InputFeedingDecoder>(
      [](auto& d, auto& gru, const Vec& x, Vec& h, Vec& attentional, auto read) {
        h = plain_gru(gru, joined(x, attentional), h);
        attentional = plain_attentional(d, read(h), h);
      });
}

TEST_CASE("bahdanau decoder: equals its equations on plain numbers") {
  equals_equations<BahdanauDecoder>(
      [](auto& d, auto& gru, const Vec& x, Vec& h, Vec& attentional, auto read) {
        const Vec c = read(h);
        h = plain_gru(gru, joined(x, c), h);
        attentional = plain_attentional(d, c, h);
      });
}

TEST_CASE_TEMPLATE_DEFINE("decoders: gradients pass the check in every way to run", C, every_way) {
  const C c(AttentionKind::additive, 2);
  for (const ScanOptions& options :
       {ScanOptions{}, {.lengths = {1, 3}}, {.segment = 2}, {.lengths = {3, 1}, .segment = 2}}) {
    gradcheck(
        [&](const auto&) {
          const auto r = c.run(options);
          return std::vector<V>{r.output, r.state.cell.layers[1].h, r.state.weights};
        },
        c.inputs());
  }
}
TEST_CASE_TEMPLATE_INVOKE(every_way, Case<LuongDecoder, LstmCell<double>>,
                          Case<InputFeedingDecoder, LstmCell<double>>,
                          Case<BahdanauDecoder, LstmCell<double>>);

TEST_CASE("decoders: with lengths, each sequence is as if it were alone") {
  const Case<InputFeedingDecoder, LstmCell<double>> c(AttentionKind::general);
  const Indices lengths = {1, 3};  // the longer second: rows are sorted, and the memory with them
  const V together = c.run({.lengths = lengths}).output;
  for (index_t b = 0; b < B; ++b) {
    const index_t n = lengths[b];
    const auto row = [&](const V& v) { return V(slice(v, 0, b, b + 1) * 1.0); };
    const auto start = map_state(c.start, row);
    const V outputs = slice(slice(c.outputs, 1, b, b + 1), 0, 0, source_lengths[b]) * 1.0;
    const V x = slice(slice(c.x, 1, b, b + 1), 0, 0, n) * 1.0;
    const V alone = scan(c.decoder, x, c.decoder.begin(start, outputs, {})).output;
    const V part = slice(slice(together, 1, b, b + 1), 0, 0, n) * 1.0;
    CHECK(distance(list(part), list(alone)) < 1e-15);  // products of other sizes sum in another order
  }
}

TEST_CASE("cell stack: equals a recurrent layer with the same weights, values and gradients") {
  Generator rng(3);
  const CellStack<LstmCell<double>> stack(I, H, 3, 0, rng);
  Recurrent<LstmCell<double>> layer(I, H, {.num_layers = 3}, rng);
  auto from = parameters(stack), to = parameters(layer);
  REQUIRE(names(stack) == names(layer));
  for (std::size_t k = 0; k < from.size(); ++k)
    to[k].variable.update([&](auto& w) { w = from[k].variable.value(); });
  const V x = random_parameter({T, B, I}, 1), seed = random_parameter({T, B, H}, 2).detach();
  const auto a = scan(stack, x, stack.initial_state(B));
  const auto b = layer(x);
  CHECK(distance(list(a.output), list(b.output)) < 1e-15);  // products of other sizes
  CHECK(distance(list(output_of(a.state)), list(layer.last(b))) < 1e-15);
  CHECK(distance(list(grad(V(sum(a.output * seed)), x)), list(grad(V(sum(b.output * seed)), x))) < 1e-14);
}

TEST_CASE("cell stack: dropout is between layers, and in training only") {
  Generator rng(3);
  CellStack<GruCell<double>> stack(I, H, 2, 0.5, rng);
  const V x = random_parameter({I * B, I}, 1);
  const V in = stack.project(x);
  const auto zero = stack.initial_state(I * B);
  const auto first = stack.step(in, zero), second = stack.step(in, zero);
  CHECK(list(first.layers[0]) == list(second.layers[0]));
  CHECK(list(first.layers[1]) != list(second.layers[1]));
  eval(stack);
  CHECK(list(stack.step(in, zero).layers[1]) == list(stack.step(in, zero).layers[1]));
  CHECK(message_of<UsageError>([] { CellStack<GruCell<double>>(I, H, 0); }) ==
        "cell stack: need num_layers ≥ 1; got 0");
}
