/// \file zoo: trains every cell, those of this folder and the library's own, on the same text, one after another, and prints
/// parameters, time beside the library's LSTM, and loss.

#include <ctime>
#include <functional>
#include <set>

#include <fmt/core.h>

#include <unroll/autograd/losses.hpp>
#include <unroll/data/streams.hpp>
#include <unroll/data/symbols.hpp>
#include <unroll/data/text.hpp>
#include <unroll/layers/embedding.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/optim/adam.hpp>
#include <unroll/optim/clip.hpp>

#include "cells/zoo.hpp"
#include "common/program.hpp"
#include "common/recurrent.hpp"

using namespace unroll;

namespace {

struct Options {
  std::string text;
  std::vector<std::string> only;
  index_t hidden = 64, batch = 50, steps = 50;
  std::int64_t bytes = 0;
  int epochs = 3, repeat = 10;
  double rate = 3e-3;
  std::uint64_t seed = 1;
  bool markdown = false, list = false;
};

/// How a layer with inputs of its own size is made.
struct Kind {
  std::string name, source;
  std::function<AnyRecurrent<float>(index_t hidden, Generator&)> make;
  bool forgets;
};

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (const auto& a : zoo::table<float>())
    all.push_back(
        {a.name, a.source, [&a](index_t h, Generator& rng) { return a.make(h, h, {}, rng); }, a.forgets});
  for (const auto& [name, kind] : program::cell_kinds())
    all.push_back({name, "unroll",
                   [make = kind.make](index_t h, Generator& rng) {
                     return make({h, h, 1, 0, 0, 0, 0, false}, rng);
                   },
                   kind.forgets});
  return all;
}

/// A language model: embedding, one recurrent layer, readout.
struct Model {
  Embedding<> embedding;
  AnyRecurrent<float> recurrent;
  Linear<> readout;
  bool forgets;

  Model(const Kind& kind, index_t symbols, index_t hidden, Generator& rng)
      : embedding(symbols, hidden, {}, rng),
        recurrent(kind.make(hidden, rng)),
        readout(program::output_size(recurrent), symbols, {}, rng),
        forgets(kind.forgets) {}

  template <class V>
  void visit(V&& v) {
    v("embedding", embedding), v("recurrent", recurrent), v("readout", readout);
  }

  /// The mean loss over a window, in nats; the next one goes on from `state`.
  Variable<float> loss(const Window& window, AnyState<float>& state) const {
    const Shape shape{window.steps, window.batch};
    if (!forgets) state = {};
    const auto [y, last] = recurrent(embedding(Indices(shape, window.inputs)), state);
    state = detach_state(last);
    return cross_entropy(readout(y), Indices(shape, window.targets));
  }
};

struct Text {
  std::int64_t symbols;
  Streams train, valid;
};

Text read_text(const Options& o) {
  std::string raw = read_bytes(o.text);
  if (o.bytes > 0) raw.resize(std::min(raw.size(), static_cast<std::size_t>(o.bytes)));
  const std::string text = decode_text(raw, o.text).characters;
  const Vocabulary vocabulary(count_symbols(text, Level::character));
  const auto ids = encode_symbols(text, Level::character, vocabulary).ids;
  const auto end = ids.begin() + split_by_position(std::ssize(ids), 0.1).train;
  return {vocabulary.size(), Streams(SymbolIds({ids.begin(), end}), o.batch, o.steps, o.text),
          Streams(SymbolIds({end, ids.end()}), o.batch, o.steps, o.text)};
}

void train_epoch(const Model& model, Adam<>& adam, const Streams& text) {
  AnyState<float> state;
  for (std::int64_t k = 0; k < text.windows(); ++k) {
    model.loss(text.window(k), state).backward();
    clip_grad_norm(parameters(model), 1);
    adam.step(), adam.zero_grad();
  }
}

double mean_loss(const Model& model, const Streams& text) {
  const NoGrad off;
  AnyState<float> state;
  double nats = 0;
  for (std::int64_t k = 0; k < text.windows(); ++k) {
    const Window window = text.window(k);
    nats += double{model.loss(window, state).item()} * static_cast<double>(window.targets.size());
  }
  return nats / static_cast<double>(text.targets());
}

/// Processor time of a window, forward and backward, without the update.
double seconds(const Model& model, const Window& window) {
  AnyState<float> state;
  const std::clock_t start = std::clock();
  model.loss(window, state).backward();
  const std::clock_t end = std::clock();
  for (auto& p : parameters(model)) p.variable.zero_grad();
  return static_cast<double>(end - start) / CLOCKS_PER_SEC;
}

/// The median of the ratios of neighbouring runs: what slows the machine for a while slows both.
double time_beside(const Model& model, const Model& lstm, const Window& window, int repeat) {
  std::vector<double> ratios;
  for (int k = -2; k < repeat; ++k) {  // the first two fill the pool
    const double base = seconds(lstm, window), own = seconds(model, window);
    if (k >= 0) ratios.push_back(own / base);
  }
  const auto middle = ratios.begin() + std::ssize(ratios) / 2;
  std::nth_element(ratios.begin(), middle, ratios.end());
  return *middle;
}

void print_row(const Options& o, const std::vector<std::string>& columns) {
  const std::vector<int> widths = {22, 34, 12, 12, 8};
  for (std::size_t k = 0; k < columns.size(); ++k)
    o.markdown ? fmt::print("| {} ", columns[k]) : fmt::print("{:<{}}", columns[k], widths[k]);
  fmt::print("{}\n", o.markdown ? "|" : "");
  std::fflush(stdout);
}

std::vector<Kind> chosen(const Options& o) {
  std::vector<Kind> all = kinds();
  std::set<std::string> left(o.only.begin(), o.only.end());
  if (left.empty()) return all;
  std::erase_if(all, [&](const Kind& kind) { return !std::ranges::count(o.only, kind.name); });
  for (const Kind& kind : all) left.erase(kind.name);
  if (!left.empty()) raise<UsageError>("there is no cell '{}'; --list names all", *left.begin());
  return all;
}

int run(const Options& o) {
  if (!o.list && o.text.empty()) raise<UsageError>("--text: name a file to learn from");
  const std::vector<Kind> cells = chosen(o);
  std::vector<std::string> titles = {"cell", "source"};
  if (!o.list) titles.insert(titles.end(), {"parameters", "time / LSTM", "loss"});
  print_row(o, titles);
  if (o.markdown) print_row(o, std::vector<std::string>(titles.size(), "---"));
  if (o.list) {
    for (const Kind& kind : cells) print_row(o, {kind.name, kind.source});
    return 0;
  }
  const Text text = read_text(o);
  const auto all = kinds();
  const auto lstm_kind = std::ranges::find(all, std::string("lstm"), &Kind::name);
  for (const Kind& kind : cells) {
    Generator rng(o.seed);
    const Model lstm(*lstm_kind, text.symbols, o.hidden, rng), model(kind, text.symbols, o.hidden, rng);
    const double time = time_beside(model, lstm, text.train.window(0), o.repeat);
    Adam adam(parameters(model), {.lr = o.rate});
    for (int epoch = 0; epoch < o.epochs; ++epoch) train_epoch(model, adam, text.train);
    print_row(o, {kind.name, kind.source, std::to_string(count_parameters(model.recurrent)),
                  fmt::format("{:.2f}", time), fmt::format("{:.3f}", mean_loss(model, text.valid))});
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return program::guarded("zoo", [&]() -> int {
    Options o;
    program::CommandLine line("Trains every cell on a text, one layer each, and prints how they compare.");
    line.add("text", o.text, "a text file to learn from");
    line.add("bytes", o.bytes, "of the text; 0: all of it", program::count_from(0));
    line.add("hidden", o.hidden, "hidden size, and size of the embedding", program::size_from(2));
    line.add("batch", o.batch, "streams side by side", program::size_from(1));
    line.add("seq-length", o.steps, "characters in a window", program::size_from(1));
    line.add("epochs", o.epochs, "times through the text", program::at_least(0));
    line.add("repeat", o.repeat, "windows to time, each beside one of the LSTM's", program::at_least(1));
    line.add("lr", o.rate, "learning rate of Adam", program::at_least(0));
    line.add("seed", o.seed, "of the weights");
    line.add("markdown", o.markdown, "print a table for a document");
    line.add("list", o.list, "print names and sources only");
    line.add_words("cell", o.only, "the cells to train; without any, all of them");
    if (const auto status = line.read(argc, argv)) return *status;
    return run(o);
  });
}
