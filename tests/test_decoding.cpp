#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/layers/beam_search.hpp"
#include "unroll/layers/decoder_cells.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using Symbols = std::vector<std::int64_t>;
constexpr std::int64_t start = 0, end = 1;
constexpr index_t V = 5, H = 4, S = 3, E = 2;

/// Random state members, the first from U(−1, 1) and the others wider.
template <class S>
S random_state(const S& zeros) {
  std::uint64_t seed = 5;
  return map_state(zeros, [&](const auto& v) {
    const double width = seed == 5 ? 1 : 6;
    return random_parameter<typename std::decay_t<decltype(v)>::value_type>(v.shape(), seed++, -width, width)
        .detach();
  });
}

/// A small language model of random weights, large enough for its opinions to differ. Where the cell attends,
/// each row reads a memory of its own, of its own length.
template <class Cell>
struct Model {
  using T = CellNumber<Cell>;
  using State = CellState<Cell>;
  static constexpr bool decodes = requires(const Cell& cell) { cell.stack(); };
  Cell cell;
  Variable<T> embedded = random_parameter<T>({V, H}, 1, -2, 2),
              output = random_parameter<T>({V, H}, 2, -3, 3);
  Model() {
    Generator rng(4);
    if constexpr (decodes) {
      cell = Cell(H, H, {.memory = E, .attention = AttentionKind::additive, .num_layers = 2}, rng);
    } else {
      cell = Cell(H, H, true, rng);
    }
  }
  DecodingStep<T, State> operator()(const Indices& symbols, const State& s) const {
    State next = detail::whole_step(cell, embedding(embedded, symbols), s);
    return {log_softmax(linear(output_of(next), output)), next};
  }
  State begin(index_t rows) const {
    if constexpr (decodes) {
      std::vector<std::int64_t> lengths;
      for (index_t b = 0; b < rows; ++b) lengths.push_back(b % (S + 1));
      return cell.begin(random_state(cell.stack().initial_state(rows)),
                        random_parameter<T>({S, rows, E}, 9, -3, 3).detach(), lengths);
    } else {
      return random_state(detail::initial_state_of(cell, rows));
    }
  }
};

using Lstm = Model<LstmCell<double>>;
using Gru = Model<GruCell<double>>;
using Luong = Model<LuongDecoder<GruCell<double>>>;
using InputFeeding = Model<InputFeedingDecoder<LstmCell<double>>>;

DecodingOptions up_to(index_t length) {
  return {.start = start, .end = end, .max_length = length, .forbidden = {start}};
}

/// Row b of a state.
template <class State>
State row_of(const State& s, index_t b) {
  return map_state(s, [b](const auto& v) { return gather(v, Indices{b}); });
}

/// ln p of a sequence and of its end, one symbol at a time.
template <class M>
double log_probability(const M& model, typename M::State s, const Symbols& symbols) {
  double sum = 0;
  std::int64_t last = start;
  for (std::size_t n = 0; n <= symbols.size(); ++n) {
    auto said = model({last}, s);
    last = n < symbols.size() ? symbols[n] : end;
    sum += said.log_probs.data()[last];
    s = said.state;
  }
  return sum;
}

/// All sequences of up to `longest` of the symbols 2 … V − 1.
std::vector<Symbols> all_sequences(index_t longest) {
  std::vector<Symbols> all = {{}};
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (std::ssize(all[k]) == longest) break;
    for (std::int64_t s = 2; s < V; ++s) {
      all.push_back(all[k]);
      all.back().push_back(s);
    }
  }
  return all;
}

/// The same step with the symbol's logarithms replaced.
auto saying(std::vector<double> log_probs) {
  return [log_probs](const Indices& symbols, const Variable<double>& s) {
    std::vector<double> rows;
    for (index_t r = 0; r < symbols.size(); ++r) rows.insert(rows.end(), log_probs.begin(), log_probs.end());
    return DecodingStep<double, Variable<double>>{values({symbols.size(), std::ssize(log_probs)}, rows), s};
  };
}

}  // namespace

TEST_CASE_TEMPLATE("greedy: takes the most probable symbol at every step, row by row", M, Lstm, Gru, Luong,
                   InputFeeding) {
  const M model;
  const auto s = model.begin(20);
  const auto found = greedy(model, s, up_to(7));
  for (index_t b = 0; b < 20; ++b) {
    Symbols expected;
    auto state = row_of(s, b);
    std::int64_t last = start;
    while (std::ssize(expected) < 7) {
      const auto said = model({last}, state);
      const double* p = said.log_probs.data();
      last = std::max_element(p + 1, p + V) - p;
      if (last == end) break;
      expected.push_back(last);
      state = said.state;
    }
    const Hypothesis& h = found[static_cast<std::size_t>(b)];
    CHECK(h.symbols == expected);
    CHECK(h.log_probability ==
          doctest::Approx(log_probability(model, row_of(s, b), expected)).epsilon(1e-12));
  }
  // The rows do not all end at the same step: some have dropped out.
  CHECK(std::any_of(found.begin(), found.end(),
                    [&](auto& h) { return h.symbols.size() != found[0].symbols.size(); }));
}

TEST_CASE_TEMPLATE("beam search: a beam of one is greedy, whatever the penalty", M, Model<LstmCell<float>>,
                   Lstm, Gru, Luong, InputFeeding) {
  const M model;
  const auto s = model.begin(20);
  const auto expected = greedy(model, s, up_to(6));
  for (const double alpha : {0.0, 1.0}) {
    const auto found = beam_search(model, s, up_to(6), {.beam = 1, .alpha = alpha});
    for (std::size_t b = 0; b < 20; ++b) {
      CHECK(found[b].size() == 1);
      CHECK(found[b][0].symbols == expected[b].symbols);
      CHECK(found[b][0].log_probability == expected[b].log_probability);
    }
  }
}

TEST_CASE_TEMPLATE("beam search: a wide beam finds what exhaustive search finds, in its order", M, Lstm, Gru,
                   Luong, InputFeeding) {
  const M model;
  const auto s = model.begin(3);
  constexpr index_t longest = 4, best = 10;
  const auto all = all_sequences(longest);
  std::vector<std::vector<double>> log_p(3);
  for (index_t b = 0; b < 3; ++b)
    for (const Symbols& symbols : all)
      log_p[static_cast<std::size_t>(b)].push_back(log_probability(model, row_of(s, b), symbols));
  for (const auto penalty : {LengthPenalty::power, LengthPenalty::wu})
    for (const double alpha : {0.0, 0.7, 1.0}) {
      const auto found = beam_search(model, s, up_to(longest),
                                     {.beam = 400, .best = best, .penalty = penalty, .alpha = alpha});
      for (std::size_t b = 0; b < 3; ++b) {
        std::vector<std::pair<double, Symbols>> ranked;
        for (std::size_t k = 0; k < all.size(); ++k) {
          const auto n = static_cast<double>(all[k].size() + 1);
          const double by = std::pow(penalty == LengthPenalty::wu ? (5 + n) / 6 : n, alpha);
          ranked.push_back({-log_p[b][k] / by, all[k]});
        }
        std::sort(ranked.begin(), ranked.end());
        REQUIRE(found[b].size() == best);
        for (std::size_t k = 0; k < best; ++k) {
          const Hypothesis& h = found[b][k];
          CHECK(h.symbols == ranked[k].second);
          CHECK(h.score == doctest::Approx(-ranked[k].first).epsilon(1e-12));
        }
      }
    }
}

TEST_CASE_TEMPLATE("beam search: a wider beam finds better sequences than greedy", M, Lstm, Gru, Luong,
                   InputFeeding) {
  const M model;
  const auto s = model.begin(20);
  const auto narrow = greedy(model, s, up_to(6));
  const auto wide = beam_search(model, s, up_to(6), {.beam = 4});
  int better = 0;
  for (std::size_t b = 0; b < 20; ++b) {
    CHECK(wide[b][0].log_probability >= narrow[b].log_probability - 1e-12);
    better += wide[b][0].log_probability > narrow[b].log_probability + 1e-6;
  }
  CHECK(better > 0);
}

TEST_CASE_TEMPLATE("decoding: scores equal a forced decoding to 1e-10, however they were found", M, Lstm, Gru,
                   Luong, InputFeeding) {
  const M model;
  const auto s = model.begin(8);
  Generator rng(3);
  const auto check = [&](const std::vector<Hypothesis>& found) {
    std::vector<Symbols> sequences;
    for (const Hypothesis& h : found) sequences.push_back(h.symbols);
    const auto again = log_probabilities(model, s, sequences, up_to(6));
    for (std::size_t b = 0; b < found.size(); ++b) {
      CHECK(std::abs(again[b] - found[b].log_probability) < 1e-10);
      const double plain = log_probability(model, row_of(s, static_cast<index_t>(b)), sequences[b]);
      CHECK(std::abs(again[b] - plain) < 1e-10);
    }
  };
  check(greedy(model, s, up_to(6)));
  check(sample(model, s, up_to(6), {.temperature = 2, .top_k = 3}, rng));
  for (std::size_t k = 0; k < 3; ++k) {
    std::vector<Hypothesis> found;
    for (auto& list : beam_search(model, s, up_to(6), {.beam = 4, .best = 3})) found.push_back(list[k]);
    check(found);
  }
}

TEST_CASE_TEMPLATE("beam search: a batch finds what each of its sequences finds alone", M, Lstm, Gru, Luong,
                   InputFeeding) {
  const M model;
  const auto s = model.begin(10);
  const BeamOptions beam{.beam = 3, .best = 3, .penalty = LengthPenalty::wu, .alpha = 0.8};
  const auto together = beam_search(model, s, up_to(6), beam);
  for (index_t b = 0; b < 10; ++b) {
    const auto alone = beam_search(model, row_of(s, b), up_to(6), beam)[0];
    const auto& list = together[static_cast<std::size_t>(b)];
    REQUIRE(alone.size() == list.size());
    for (std::size_t k = 0; k < alone.size(); ++k) CHECK(alone[k].symbols == list[k].symbols);
  }
}

TEST_CASE("decoding: lengths are kept, and forbidden symbols never come") {
  const Lstm model;
  const auto s = model.begin(50);
  Generator rng(9);
  DecodingOptions options = up_to(5);
  options.min_length = 3;
  options.forbidden = {start, 3};
  const auto fits = [&](const Hypothesis& h) {
    return h.symbols.size() >= 3 && h.symbols.size() <= 5 &&
           std::none_of(h.symbols.begin(), h.symbols.end(),
                        [](auto x) { return x == start || x == end || x == 3; });
  };
  for (const Hypothesis& h : sample(model, s, options, {}, rng)) CHECK(fits(h));
  for (const auto& list : beam_search(model, s, options, {.beam = 3, .best = 2}))
    for (const Hypothesis& h : list) CHECK(fits(h));
  for (const Hypothesis& h : greedy(model, s, {.start = start, .max_length = 4}))  // without an end
    CHECK(h.symbols.size() == 4);
  for (const auto& list : beam_search(model, s, {.start = start, .max_length = 4}, {.beam = 2}))
    CHECK(list[0].symbols.size() == 4);
}

TEST_CASE_TEMPLATE("decoding: with a maximum for each row, a batch finds what each of its rows finds alone",
                   M, Lstm, Luong) {
  const M model;
  const auto s = model.begin(12);
  DecodingOptions together = up_to(100);
  together.forbidden = {start, 4};  // so that some would go on for longer
  for (index_t b = 0; b < 12; ++b) together.max_lengths.push_back(1 + b % 4);
  const BeamOptions beam{.beam = 3, .best = 2, .alpha = 0.6};
  const auto greedily = greedy(model, s, together);
  const auto beams = beam_search(model, s, together, beam);
  int at_most = 0;
  for (index_t b = 0; b < 12; ++b) {
    DecodingOptions alone = up_to(1 + b % 4);
    alone.forbidden = together.forbidden;
    const auto k = static_cast<std::size_t>(b);
    CHECK(greedily[k].symbols == greedy(model, row_of(s, b), alone)[0].symbols);
    at_most += std::ssize(greedily[k].symbols) == alone.max_length;
    const auto expected = beam_search(model, row_of(s, b), alone, beam)[0];
    REQUIRE(beams[k].size() == expected.size());
    for (std::size_t n = 0; n < expected.size(); ++n) {
      CHECK(beams[k][n].symbols == expected[n].symbols);
      CHECK(beams[k][n].score == doctest::Approx(expected[n].score).epsilon(1e-12));
    }
  }
  CHECK(at_most > 3);
}

TEST_CASE("decoding: without an end symbol each row has as many symbols as its maximum says") {
  const Lstm model;
  const DecodingOptions options{.start = start, .max_lengths = {2, 5, 1}};
  const auto greedily = greedy(model, model.begin(3), options);
  const auto beams = beam_search(model, model.begin(3), options, {.beam = 2});
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(std::ssize(greedily[k].symbols) == options.max_lengths[k]);
    CHECK(std::ssize(beams[k][0].symbols) == options.max_lengths[k]);
  }
}

TEST_CASE("sampling sequences: they come as often as they are probable, and repeat with the generator") {
  // Independent symbols: 2 with 1/2, 3 with 1/4, the end with 1/4.
  const auto step = saying({-INFINITY, std::log(0.25), std::log(0.5), std::log(0.25)});
  constexpr index_t rows = 4000;
  const Variable<double> none({rows, 1}, 0.0);
  Generator rng(5), same(5);
  const auto found = sample(step, none, up_to(2), {}, rng);
  std::map<Symbols, double> share;
  for (const auto& h : found) share[h.symbols] += 1.0 / rows;
  // Four standard deviations of a share p are at most 4 √(¼ / 4000).
  constexpr double width = 0.032;
  CHECK(std::abs(share[{}] - 0.25) < width);
  CHECK(std::abs(share[{2}] - 0.125) < width);
  CHECK(std::abs(share[{2, 2}] - 0.25) < width);
  CHECK(std::abs(share[{3, 3}] - 0.0625) < width);
  const auto again = sample(step, none, up_to(2), {}, same);
  for (std::size_t k = 0; k < rows; ++k) REQUIRE(again[k].symbols == found[k].symbols);
}

TEST_CASE(
    "sampling sequences: options out of range are refused before the model is asked or a number drawn") {
  int asked = 0;
  const auto step = [&](const Indices& symbols, const Variable<double>& state) {
    ++asked;
    return DecodingStep<double, Variable<double>>{Variable<double>({symbols.size(), 4}, 0.0), state};
  };
  const Variable<double> s({2, 1}, 0.0);
  Generator rng(5);
  const Generator::State before = rng.state();
  for (const SamplingOptions& drawing :
       {SamplingOptions{.temperature = -1}, SamplingOptions{.temperature = NAN},
        SamplingOptions{.temperature = INFINITY}, SamplingOptions{.top_k = -3}, SamplingOptions{.top_p = 2}})
    CHECK_THROWS_AS(sample(step, s, {.end = 0, .forbidden = {3}}, drawing, rng), UsageError);
  CHECK(asked == 0);
  CHECK(rng.state() == before);
}

TEST_CASE("beam search: the largest of all lengths does not overflow the penalty") {
  const auto step = saying({-INFINITY, -INFINITY, -INFINITY, 0});
  const Variable<double> s({1, 1}, 0.0);
  const DecodingOptions options{.end = 3, .max_length = std::numeric_limits<index_t>::max()};
  CHECK(beam_search(step, s, options, {.beam = 2, .alpha = 1})[0][0].symbols.empty());
}

TEST_CASE("decoding: one member of the state is enough, and the tape stays as it was") {
  const auto step = saying({-INFINITY, std::log(0.3), std::log(0.4), std::log(0.3)});
  const Variable<double> s({2, 1}, 0.0);
  CHECK(greedy(step, s, up_to(3))[1].symbols == Symbols{2, 2, 2});
  // 2 at every step: ln 0.4 three times and the end; the end at once has ln 0.3.
  CHECK(beam_search(step, s, up_to(3), {.beam = 3})[0][0].symbols == Symbols{});
  CHECK(beam_search(step, s, up_to(3), {.beam = 3, .alpha = 1})[0][0].symbols == Symbols{2, 2, 2});
}

TEST_CASE("decoding: mistakes are named") {
  const auto step = saying({-INFINITY, std::log(0.5), std::log(0.5)});
  const Variable<double> s({2, 1}, 0.0);
  const auto usage = [&](const DecodingOptions& o) {
    return message_of<UsageError>([&] { greedy(step, s, o); });
  };
  CHECK(usage({.end = end, .min_length = 3, .max_length = 2}) ==
        "decoding: need 0 ≤ min_length ≤ max_length and max_length ≥ 1; got 3 and 2");
  CHECK(usage({.end = end, .max_lengths = {3, 0}}) ==
        "decoding: need 0 ≤ min_length ≤ max_length and max_length ≥ 1; got 0 and 0");
  CHECK(usage({.end = end, .max_lengths = {3}}) ==
        "decoding: need a maximal length for each of 2 rows; got 1");
  CHECK(message_of<UsageError>([&] { beam_search(step, s, {.end = end, .max_lengths = {3}}); }) ==
        "decoding: need a maximal length for each of 2 rows; got 1");
  CHECK(message_of<UsageError>([&] { beam_search(step, s, up_to(2), {.beam = 2, .best = 3}); }) ==
        "beam search: need 1 ≤ best ≤ beam; got 3 and 2");
  CHECK(message_of<UsageError>([&] { beam_search(step, s, up_to(2), {.alpha = -1}); }) ==
        "beam search: need α ≥ 0; got -1");
  CHECK_THROWS_AS(beam_search(step, s, up_to(2), {.alpha = INFINITY}), UsageError);
  CHECK(message_of<IndexError>([&] { greedy(step, s, {.end = 7}); }) ==
        "decoding: symbol 7 is outside [0, 3)");
  CHECK(message_of<UsageError>([&] { log_probabilities(step, s, {{2}}, up_to(2)); }) ==
        "decoding: need a sequence for each of 2 rows; got 1");
  CHECK_THROWS_AS(log_probabilities(step, s, {{2}, {3}}, up_to(2)), IndexError);
  CHECK(message_of<DataError>([&] {
          greedy(saying({NAN, 0, 0}), s, up_to(2));
        }) == "decoding: the model's output is not finite");
  CHECK(message_of<DataError>([&] {
          beam_search(saying({0, -INFINITY, -INFINITY}), s, up_to(2));
        }) == "decoding: no symbol that is allowed has a probability above 0");
  const auto wrong = [](const Indices&, const Variable<double>& state) {
    return DecodingStep<double, Variable<double>>{Variable<double>({3}, 0.0), state};
  };
  CHECK(message_of<ShapeError>([&] { greedy(wrong, s, up_to(2)); }) ==
        "decoding: a step must return log probabilities (2, V); got (3,)");
  CHECK(message_of<UsageError>([&] { greedy(step, Variable<double>(1.0), up_to(2)); }) ==
        "decoding: the state needs a row for each sequence");
}
