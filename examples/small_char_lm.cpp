// A character language model in one file: an embedding, two LSTM layers, truncated back-propagation through time over
// windows of the text, gradient clipping, and sampling. examples/char_lm is the full program, with validation,
// checkpoints, and resumption.
//
//     g++ -std=c++20 -O2 small_char_lm.cpp -o small_char_lm $(pkg-config --cflags --libs unroll)
//     ./small_char_lm FILE [EPOCHS [UNITS]]

#include <fmt/core.h>

#include <string>

#include <unroll/unroll.hpp>

using namespace unroll;

struct Model {
  Embedding<> embedding;
  Lstm<> lstm;
  Linear<> readout;

  Model(index_t symbols, index_t hidden)
      : embedding(symbols, hidden), lstm(hidden, hidden, {.num_layers = 2}), readout(hidden, symbols) {}

  template <class V>
  void visit(V&& v) {
    v("embedding", embedding);
    v("lstm", lstm);
    v("readout", readout);
  }
};

/// Reads the text once, window by window, with an update after each. Returns the mean loss in nats per character.
double train_epoch(const Model& model, Adam<>& adam, const Streams& text) {
  Lstm<>::State state;  // empty: zero at first
  double nats = 0;
  for (std::int64_t k = 0; k < text.windows(); ++k) {
    const Window window = text.window(k);
    const Indices inputs({window.steps, window.batch}, window.inputs);
    const Indices targets({window.steps, window.batch}, window.targets);

    const auto [output, last] = model.lstm(model.embedding(inputs), state);
    const Variable<float> loss = cross_entropy(model.readout(output), targets);
    loss.backward();
    clip_grad_norm(parameters(model), 5);
    adam.step();
    adam.zero_grad();

    state = detach_state(last);  // the next window continues from here; no gradient flows back into this one
    nats += loss.item() * static_cast<double>(targets.size());
  }
  return nats / static_cast<double>(text.targets());
}

/// Draws `length` characters, each from the distribution that the model predicts after those before it.
std::string sample(const Model& model, const Vocabulary& vocabulary, int length, Generator& rng) {
  const NoGrad no_tape;
  auto lstm = stream(model.lstm);
  std::string text;
  std::int64_t symbol = vocabulary.id("\n");
  for (int k = 0; k < length; ++k) {
    const Variable<float> h = lstm.step(model.embedding(Indices{symbol}));
    const Variable<float> logits = model.readout(h);
    symbol = draw_symbol({logits.data(), static_cast<std::size_t>(logits.size())}, {.temperature = 0.7},
                         rng.uniform());
    text += vocabulary.symbol(symbol);
  }
  return text;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: small_char_lm FILE [EPOCHS [UNITS]]\n");
    return 2;
  }
  const std::string path = argv[1];
  const int epochs = argc > 2 ? std::stoi(argv[2]) : 10;
  const index_t hidden = argc > 3 ? std::stoll(argv[3]) : 128;

  const std::string text = decode_text(read_bytes(path), path).characters + "\n";
  const Vocabulary vocabulary(count_symbols(text, Level::character));
  const Streams streams(encode_symbols(text, Level::character, vocabulary).ids, 32, 50, path);

  manual_seed(1);
  Generator rng(1);
  Model model(vocabulary.size(), hidden);
  Adam adam(parameters(model), {.lr = 3e-3});
  fmt::print("{} characters, {} different ones, {} weights\n", streams.targets(), vocabulary.size(),
             count_parameters(model));
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    const double loss = train_epoch(model, adam, streams);
    fmt::print("epoch {}: {:.3f} nats per character\n", epoch, loss);
  }
  fmt::print("\n{}\n", sample(model, vocabulary, 500, rng));
}
