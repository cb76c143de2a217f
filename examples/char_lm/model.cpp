#include "examples/char_lm/model.hpp"

#include <functional>

#include "examples/char_lm/options.hpp"

namespace unroll::char_lm {
namespace {

template <class Layer>
RecurrentLayer make_layer(const ModelOptions& options, Generator& rng) {
  return Layer(options.embedding, options.hidden, {.layers = options.layers, .dropout = options.dropout},
               rng);
}

using MakeLayer = std::function<RecurrentLayer(const ModelOptions&, Generator&)>;
const std::map<std::string, MakeLayer> cells = {{"lstm", make_layer<Lstm<float>>}};

RecurrentLayer make_recurrent(const ModelOptions& options, Generator& rng) {
  const auto found = cells.find(options.cell);
  if (found != cells.end()) return found->second(options, rng);
  fail<UsageError>("--cell: there is no '{}'; there is {}", options.cell, names_of(cells));
}

}  // namespace

LanguageModel::LanguageModel(const ModelOptions& options, Generator& rng)
    : cell_(options.cell),
      embedding_(options.vocabulary, options.embedding, {}, rng),
      recurrent_(make_recurrent(options, rng)),
      dropout_(options.dropout, rng),
      output_(options.hidden, options.vocabulary, {}, rng) {}

Variable<float> LanguageModel::operator()(const Indices& symbols, CarriedState& state) const {
  const Variable<float> x = embedding_(symbols);
  return std::visit(
      [&](const auto& layer) {
        typename std::decay_t<decltype(layer)>::State start;
        if (!state.empty()) start.visit([&](const char* name, auto& v) { v = state.at(name); });
        auto run = layer(x, start);
        run.state.visit([&](const char* name, auto& v) { state[name] = v.detach(); });
        return output_(dropout_(run.output));
      },
      recurrent_);
}

Variable<float> LanguageModel::loss(const Window& window, CarriedState& state) const {
  const Shape shape{window.steps, window.batch};
  return cross_entropy((*this)(Indices(shape, window.inputs), state), Indices(shape, window.targets));
}

double mean_loss(const LanguageModel& model, const Streams& streams) {
  const NoGrad no_grad;
  LanguageModel reader = model;  // shares the parameters
  eval(reader);
  CarriedState state;
  double sum = 0;
  for (std::int64_t k = 0; k < streams.windows(); ++k) {
    const Window window = streams.window(k);
    sum += double{reader.loss(window, state).item()} * static_cast<double>(window.targets.size());
  }
  return sum / static_cast<double>(streams.targets());
}

}  // namespace unroll::char_lm
