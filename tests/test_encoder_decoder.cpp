#include "cell_checks.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/layers/beam_search.hpp"
#include "unroll/layers/encoder_decoder.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr std::int64_t start = 0, end = 1;
constexpr AttentionKind kinds[] = {AttentionKind::additive, AttentionKind::dot, AttentionKind::general,
                                   AttentionKind::scaled_dot};

/// Three pairs, ragged on both sides; an empty source and an empty target among them.
SequencePairs pairs(std::int64_t source_padding = 0, std::int64_t target_padding = 0) {
  const std::int64_t p = source_padding, q = target_padding;
  return {Indices({4, 3}, {3, 2, p, 4, 1, p, p, 3, p, p, 2, p}),
          {2, 4, 0},
          Indices({3, 3}, {2, 3, q, 4, q, q, 2, q, q}),
          {3, 1, 0}};
}

EncoderDecoderOptions options(AttentionKind kind, int layers = 1, bool tie = false) {
  return {.source_symbols = 5,
          .target_symbols = 5,
          .start = start,
          .end = end,
          .embedding = tie ? 4 : 3,
          .hidden = 4,
          .num_layers = layers,
          .attention = kind,
          .attention_size = 3,
          .tie = tie};
}

template <class Model>
Model made(const EncoderDecoderOptions& o) {
  Generator rng(11);
  Model model(o, rng);
  scatter(model, 12);
  return model;
}

template <class Model>
void gradients_pass(const EncoderDecoderOptions& o) {
  const auto model = made<Model>(o);
  for (const double smoothing : {0.0, 0.2})
    gradcheck([&](const auto&) { return model.loss(pairs(), {.label_smoothing = smoothing}); },
              leaves(model));
}

/// −ln p of each symbol of each target, one at a time, from the public step alone.
template <class Model>
double plain_loss(const Model& model, const SequencePairs& batch) {
  double sum = 0, count = 0;
  for (index_t b = 0; b < batch.source_lengths.size(); ++b) {
    std::vector<std::int64_t> source, target;
    for (index_t s = 0; s < batch.source_lengths[b]; ++s) source.push_back(batch.source[s * 3 + b]);
    for (index_t t = 0; t < batch.target_lengths[b]; ++t) target.push_back(batch.target[t * 3 + b]);
    const index_t n = std::ssize(source);
    if (n == 0) source.push_back(2);  // an empty axis is not a sequence
    auto state = model.begin(Indices({std::ssize(source), 1}, source), {n});
    std::int64_t last = start;
    target.push_back(end);
    for (const std::int64_t s : target) {
      auto [log_probs, next] = model({last}, state);
      sum -= log_probs.data()[s];
      ++count;
      last = s, state = next;
    }
  }
  return sum / count;
}

template <class Model>
std::vector<Vec> gradients(const Model& model, const SequencePairs& batch) {
  std::vector<Vec> all;
  for (const V& g : grad<double>({model.loss(batch)}, leaves(model))) all.push_back(list(g));
  return all;
}

using Lstm4 = LstmCell<double>;
using Gru4 = GruCell<double>;

}  // namespace

TEST_CASE(
    "encoder-decoder: gradients through all of it pass the check, for every attention, with input feeding") {
  for (const AttentionKind kind : kinds) {
    gradients_pass<EncoderDecoder<Lstm4, InputFeedingDecoder>>(options(kind));
    gradients_pass<EncoderDecoder<Gru4, InputFeedingDecoder>>(options(kind));
  }
}

TEST_CASE("encoder-decoder: the same without input feeding") {
  for (const AttentionKind kind : kinds) {
    gradients_pass<EncoderDecoder<Lstm4, LuongDecoder>>(options(kind));
    gradients_pass<EncoderDecoder<Gru4, LuongDecoder>>(options(kind));
  }
}

TEST_CASE("encoder-decoder: the same with Bahdanau's decoder, and without attention") {
  for (const AttentionKind kind : kinds) gradients_pass<EncoderDecoder<Gru4, BahdanauDecoder>>(options(kind));
  gradients_pass<EncoderDecoder<Lstm4, PlainDecoder>>(options(AttentionKind::dot));
}

TEST_CASE("encoder-decoder: gradients pass the check with two layers, tied weights and one direction") {
  auto o = options(AttentionKind::general, 2, true);
  gradients_pass<EncoderDecoder<Lstm4, InputFeedingDecoder>>(o);
  o.bidirectional = false;
  gradients_pass<EncoderDecoder<Lstm4, InputFeedingDecoder>>(o);
}

TEST_CASE_TEMPLATE("encoder-decoder: the loss is the mean over real symbols of what single steps say", Model,
                   EncoderDecoder<Lstm4, InputFeedingDecoder>, EncoderDecoder<Gru4, LuongDecoder>,
                   EncoderDecoder<Gru4, BahdanauDecoder>, EncoderDecoder<Lstm4, PlainDecoder>) {
  for (const int layers : {1, 2}) {
    const auto model = made<Model>(options(AttentionKind::additive, layers));
    // Sums in another order.
    CHECK(std::abs(model.loss(pairs()).item() - plain_loss(model, pairs())) < 1e-14);
  }
}

TEST_CASE_TEMPLATE("encoder-decoder: padding changes neither the loss nor a gradient", Model,
                   EncoderDecoder<Lstm4, InputFeedingDecoder>, EncoderDecoder<Gru4, LuongDecoder>) {
  const auto model = made<Model>(options(AttentionKind::additive));
  CHECK(model.loss(pairs(0, 0)).item() == model.loss(pairs(4, 3)).item());
  CHECK(gradients(model, pairs(0, 0)) == gradients(model, pairs(4, 3)));
  // A longer batch of the same sequences.
  SequencePairs longer = pairs();
  std::vector<std::int64_t> s(longer.source.begin(), longer.source.end()),
      t(longer.target.begin(), longer.target.end());
  s.insert(s.end(), 6, 2), t.insert(t.end(), 3, -100);
  longer.source = Indices({6, 3}, s), longer.target = Indices({4, 3}, t);
  // Sums over weights that are 0 end in other roundings.
  CHECK(std::abs(model.loss(longer).item() - model.loss(pairs()).item()) < 1e-15);
  const auto a = gradients(model, longer), b = gradients(model, pairs());
  for (std::size_t k = 0; k < a.size(); ++k) CHECK(distance(a[k], b[k]) < 1e-15);
}

TEST_CASE("luong decoder: all steps at once are the steps one by one") {
  const Generator seeded(3);
  Generator rng = seeded;
  const LuongDecoder<Lstm4> decoder(3, 4, {.memory = 4, .attention = AttentionKind::additive}, rng);
  const V x = random_parameter({3, 2, 3}, 1), outputs = random_parameter({5, 2, 4}, 2);
  const auto state = decoder.begin(random_state(decoder.stack().initial_state(2), 3), outputs, {5, 2});
  CHECK(distance(list(decoder.outputs(x, state)), list(scan(decoder, x, state).output)) < 1e-15);
}

TEST_CASE("encoder-decoder: tied weights are one parameter") {
  const auto tied = made<EncoderDecoder<Gru4>>(options(AttentionKind::dot, 1, true));
  const std::string all = names(tied);
  CHECK(all.find("target_embedding.weight(5, 4)") != std::string::npos);
  CHECK(all.find("output.weight") == std::string::npos);
  CHECK(all.find("output.bias(5,)") != std::string::npos);
  const auto copy = clone(tied);
  CHECK(names(copy) == all);
  CHECK(copy.loss(pairs()).item() == tied.loss(pairs()).item());
}

TEST_CASE(
    "encoder-decoder: scheduled sampling at rate 0 is teacher forcing, at 1 the model hears itself alone") {
  using Model = EncoderDecoder<Gru4, InputFeedingDecoder>;
  const auto model = made<Model>(options(AttentionKind::general));
  const auto at = [&](double rate, std::uint64_t step) {
    return model.loss(pairs(), {.sampling = {.rate = rate, .key = {.seed = 5, .step = step}}}).item();
  };
  const double forced = model.loss(pairs()).item();
  CHECK(at(0, 1) == forced);
  // No number is below this rate: the same symbols by the other way, with sums in another order.
  CHECK(std::abs(at(1e-12, 1) - forced) < 1e-15);
  CHECK(at(1, 1) != forced);
  CHECK(at(1, 1) == at(1, 1));
  bool differs = false;
  for (std::uint64_t step = 2; step < 10; ++step) differs = differs || at(1, step) != at(1, 1);
  CHECK(differs);
  gradcheck(  // whatever was drawn does not change within a step of the differences
      [&](const auto&) { return model.loss(pairs(), {.sampling = {.rate = 0.5, .key = {.seed = 5}}}); },
      leaves(model));
}

TEST_CASE("scheduled sampling: at rate ½ half of the symbols are drawn, as often as they are probable") {
  constexpr index_t B = 20000;
  const V logits = V({B, 1}, 0.0) + row({std::log(0.25), std::log(0.75), -30, -30});
  const Indices truth(std::vector<std::int64_t>(B, 3));
  const Indices mixed = scheduled_inputs(truth, logits, {.rate = 0.5, .key = {.seed = 1}}, 7);
  double share[4] = {};
  for (const std::int64_t s : mixed) share[s] += 1.0 / B;
  // Five standard deviations of a share are at most 5 √(¼ / 20000).
  CHECK(std::abs(share[3] - 0.5) < 0.018);
  CHECK(std::abs(share[1] - 0.375) < 0.018);
  CHECK(std::abs(share[0] - 0.125) < 0.018);
  CHECK(message_of<UsageError>([&] { scheduled_inputs(truth, logits, {.rate = 1.5}, 0); }) ==
        "scheduled sampling: need a rate from 0 to 1; got 1.5");
  CHECK(message_of<UsageError>([&] { scheduled_inputs(truth, logits, {.rate = 0.5}, -1); }) ==
        "scheduled sampling: need a step t from 0 to 2^40; got -1");
  CHECK_THROWS_AS(scheduled_inputs(Indices{1}, logits, {.rate = 1}, 0), ShapeError);
}

TEST_CASE("encoder-decoder: a beam's scores are those of the loss, and alignments add up to 1") {
  using Model = EncoderDecoder<Lstm4, BahdanauDecoder>;
  auto model = made<Model>(options(AttentionKind::scaled_dot, 2));
  eval(model);
  const SequencePairs batch = pairs();
  const auto state = model.begin(batch.source, batch.source_lengths);
  const auto found = beam_search(model, state, {.start = start, .end = end, .max_length = 3}, {.beam = 3});
  std::vector<std::int64_t> padded(9, 0), lengths;
  double sum = 0, count = 0;
  for (std::size_t b = 0; b < 3; ++b) {
    const auto& h = found[b][0];
    for (std::size_t t = 0; t < h.symbols.size(); ++t) padded[t * 3 + b] = h.symbols[t];
    lengths.push_back(std::ssize(h.symbols));
    sum -= h.log_probability, count += static_cast<double>(h.symbols.size() + 1);
  }
  const SequencePairs said{batch.source, batch.source_lengths, Indices({3, 3}, padded), lengths};
  CHECK(std::abs(model.loss(said).item() - sum / count) < 1e-14);  // sums in another order
  const V weights = model.alignment(batch);
  CHECK(weights.shape() == Shape{4, 3, 4});
  for (index_t t = 0; t < 4; ++t)
    for (index_t b = 0; b < 3; ++b) {
      double total = 0;
      for (const double w : list(select(select(weights, 0, t), 0, b))) total += w;
      CHECK(std::abs(total - (batch.source_lengths[b] > 0 ? 1 : 0)) < 1e-14);  // a few roundings
    }
}

TEST_CASE("target symbols: each sequence begins with the start symbol and ends with the end symbol") {
  const auto t = target_symbols(Indices({2, 3}, {5, 6, 9, 7, 9, 9}), {2, 1, 0}, start, end);
  CHECK(t.inputs.shape() == Shape{3, 3});
  CHECK(std::vector(t.inputs.begin(), t.inputs.end()) ==
        std::vector<std::int64_t>{0, 0, 0, 5, 6, 0, 7, 0, 0});
  CHECK(std::vector(t.lengths.begin(), t.lengths.end()) == std::vector<std::int64_t>{3, 2, 1});
  CHECK(std::vector(t.rows.begin(), t.rows.end()) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 6});
  CHECK(std::vector(t.expected.begin(), t.expected.end()) == std::vector<std::int64_t>{5, 6, 1, 7, 1, 1});
  CHECK(message_of<ShapeError>([] {
          target_symbols(Indices{1, 2}, {1, 1}, start, end);
        }) == "target_symbols: need targets (T, B) and lengths (B,); got (2,) and (2,)");
  CHECK(message_of<IndexError>([] {
          target_symbols(Indices({1, 1}, {2}), {2}, start, end);
        }) == "target_symbols: need lengths from 0 to 1, the number of time steps; sequence 0 has 2");
}

TEST_CASE("encoder-decoder: options that do not fit are named") {
  const auto message = [](const EncoderDecoderOptions& o) {
    return message_of<UsageError>([&] { EncoderDecoder<Gru4>{o}; });
  };
  CHECK(message({.source_symbols = 3, .target_symbols = 3, .embedding = 3, .hidden = 5}) ==
        "encoder-decoder: two directions share the hidden size, which must be even; got 5");
  CHECK(message({.source_symbols = 3, .target_symbols = 3, .embedding = 3, .hidden = 4, .tie = true}) ==
        "encoder-decoder: tied weights need embedding and hidden of one size; got 3 and 4");
  CHECK_THROWS_AS(EncoderDecoder<Gru4>({.source_symbols = 0, .target_symbols = 3}), ShapeError);
  const Bridge<double> bridge(1, 2, {3}, {4});
  CHECK(message_of<ShapeError>([&] { bridge({}); }) == "bridge: need 1 members of a state; got 0");
  CHECK_THROWS_AS(Bridge<double>(1, 2, {3}, {4, 4}), ShapeError);
}
