#include "char_lm/model.hpp"

#include "common/memory.hpp"

namespace unroll::char_lm {

LanguageModel::LanguageModel(const ModelOptions& options, Generator& rng)
    : cell_(options.cell),
      embedding_(options.vocabulary, options.recurrent.input, {}, rng),
      recurrent_(cell_kind(options.cell).make(options.recurrent, rng)),
      dropout_(options.recurrent.dropout, rng),
      output_(output_size(recurrent_), options.vocabulary, {}, rng) {}

Variable<float> LanguageModel::operator()(const Indices& symbols, CarriedState& state) const {
  const auto [y, after] = recurrent_(embedding_(symbols), state);
  state = detach_state(after);
  return output_(dropout_(y));
}

CarriedState LanguageModel::carried(const CarriedState& state) const {
  return cell_kind(cell_).forgets ? state : CarriedState{};
}

Variable<float> LanguageModel::loss(const Window& window, CarriedState& state) const {
  const Shape shape{window.steps, window.batch};
  return cross_entropy((*this)(Indices(shape, window.inputs), state), Indices(shape, window.targets));
}

double count_weights(const ModelOptions& options) {
  const CellOptions& o = options.recurrent;
  const double output = cell_kind(options.cell).outputs * static_cast<double>(o.hidden);
  return static_cast<double>(options.vocabulary) * (static_cast<double>(o.input) + output) +
         program::count_weights(options.cell, o);
}

double mean_loss(const LanguageModel& model, const Streams& streams) {
  const NoGrad no_grad;
  LanguageModel reader = model;  // shares the parameters
  eval(reader);
  CarriedState state;
  double sum = 0;
  for (std::int64_t k = 0; k < streams.windows(); ++k) {
    const Window window = streams.window(k);
    state = reader.carried(state);
    sum += double{reader.loss(window, state).item()} * static_cast<double>(window.targets.size());
  }
  return sum / static_cast<double>(streams.targets());
}

}  // namespace unroll::char_lm
