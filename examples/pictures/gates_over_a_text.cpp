#include <cmath>
#include <string>

#include "pictures/pictures.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"

namespace unroll::pictures {
namespace {

using V = Variable<float>;
constexpr index_t hidden = 4, steps = 40, batch = 32;
constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz ,\"";
constexpr auto quote = static_cast<std::int64_t>(alphabet.size()) - 1;

struct QuoteReader {
  Embedding<> embedding;
  Lstm<> lstm;
  Linear<> readout;
  explicit QuoteReader(Generator& rng)
      : embedding(quote + 1, 8, {}, rng), lstm(8, hidden, {}, rng), readout(hidden, 1, {}, rng) {}
  template <class F>
  void visit(F&& f) {
    f("embedding", embedding), f("lstm", lstm), f("readout", readout);
  }
};

/// Letters, one in six of them a quotation mark, and whether each stands inside of two.
std::pair<Indices, V> draw_texts(Generator& rng) {
  std::vector<std::int64_t> letters(static_cast<std::size_t>(steps * batch));
  std::vector<float> inside(letters.size());
  for (std::size_t b = 0; b < batch; ++b) {
    bool open = false;
    for (std::size_t t = 0; t < steps; ++t) {
      const std::size_t at = t * batch + b;
      letters[at] = rng.below(6) == 0 ? quote : static_cast<std::int64_t>(rng.below(quote));
      open = open != (letters[at] == quote);
      inside[at] = open ? 1 : 0;
    }
  }
  return {Indices({steps, batch}, letters), V::from({steps, batch, 1}, inside)};
}

void train(const QuoteReader& reader, int updates, Generator& rng) {
  Adam adam(parameters(reader), {.lr = 0.02});
  for (int k = 0; k < updates; ++k) {
    const auto [letters, inside] = draw_texts(rng);
    binary_cross_entropy_with_logits(reader.readout(reader.lstm(reader.embedding(letters)).output), inside)
        .backward();
    clip_grad_norm(parameters(reader), 1);
    adam.step(), adam.zero_grad();
  }
}

struct Reading {
  std::vector<float> i, f, o, c;  // letter by letter, all units
};

/// The gates, by the equations, and the cell state.
Reading read(const QuoteReader& reader, std::string_view text) {
  const NoGrad no_tape;
  const auto& cell = reader.lstm.cell(0);
  V h({1, hidden}, 0.0F), c({1, hidden}, 0.0F);
  Reading result;
  for (const char letter : text) {
    const auto found = alphabet.find(letter);
    const Indices index{static_cast<std::int64_t>(found == alphabet.npos ? 26 : found)};
    const V a = linear(reader.embedding(index), cell.weight_ih, cell.bias_ih) +
                linear(h, cell.weight_hh, cell.bias_hh);
    const auto [i, f, g, o] = chunk<4>(a);
    const V in = sigmoid(i), keep = sigmoid(f), out = sigmoid(o);
    c = keep * c + in * tanh(g);
    h = out * tanh(c);
    const auto append = [](std::vector<float>& to, const V& v) {
      to.insert(to.end(), v.data(), v.data() + hidden);
    };
    append(result.i, in), append(result.f, keep), append(result.o, out), append(result.c, c);
  }
  return result;
}

/// The unit whose cell state differs most between inside and outside.
std::size_t telling_unit(const Reading& reading, std::string_view text) {
  std::size_t best = 0;
  double most = -1;
  for (std::size_t unit = 0; unit < hidden; ++unit) {
    double sums[2] = {0, 0}, counts[2] = {1e-9, 1e-9};
    bool open = false;
    for (std::size_t t = 0; t < text.size(); ++t) {
      open = open != (text[t] == '"');
      sums[open] += reading.c[t * hidden + unit], counts[open] += 1;
    }
    const double apart = std::abs(sums[0] / counts[0] - sums[1] / counts[1]);
    if (apart > most) most = apart, best = unit;
  }
  return best;
}

}  // namespace

report::Figure gates_over_a_text(const Effort& effort) {
  constexpr std::string_view text = "she said \"no\" and then \"yes, why not\" to him";
  Generator rng(3);
  const QuoteReader reader(rng);
  train(reader, effort.updates(1500), rng);
  const Reading reading = read(reader, text);
  const std::size_t unit = telling_unit(reading, text);
  report::HeatMap gates{.rows = {"input gate i", "forget gate f", "output gate o", "tanh(c)"},
                        .width = text.size(),
                        .full = 1.0,
                        .unit = "value of the gate or the state",
                        .square = false,
                        .upright = true};
  for (const char letter : text) gates.columns.push_back(letter == ' ' ? "␣" : std::string(1, letter));
  for (const auto* values : {&reading.i, &reading.f, &reading.o, &reading.c})
    for (std::size_t t = 0; t < text.size(); ++t) {
      const double value = (*values)[t * hidden + unit];
      gates.values.push_back(values == &reading.c ? std::tanh(value) : value);
    }
  return {.title = "A unit that remembers whether a quotation is open",
          .description =
              "The gates and the cell state of one unit of an LSTM over a sentence: at a quotation mark the "
              "forget gate shuts, and the cell state takes the other sign; up to the next one it is kept.",
          .width = 860,
          .panels = {gates}};
}

}  // namespace unroll::pictures
