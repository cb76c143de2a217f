#include "char_lm/model.hpp"

#include <cmath>

#include "common/memory.hpp"
#include "unroll/layers/activation_penalties.hpp"
#include "unroll/layers/init.hpp"

namespace unroll::char_lm {
namespace {

WeightDrop<AnyRecurrent<float>> with_weight_drop(const std::string& cell, const AnyRecurrent<float>& layer,
                                                 double p, Generator& rng) {
  try {
    return WeightDrop<AnyRecurrent<float>>(layer, {.p = p}, rng);
  } catch (const UsageError& error) {
    raise<UsageError>("--weight-drop: the cell '{}' has no weight_hh: {}", cell, error.what());
  }
}

}  // namespace

LanguageModel::LanguageModel(const ModelOptions& options, Generator& rng)
    : cell_(options.cell),
      embedding_(options.vocabulary, options.recurrent.input, {}, rng),
      recurrent_(cell_kind(options.cell).make(options.recurrent, rng), {.p = 0}, RandomKey{}),
      dropout_(options.recurrent.dropout, rng),
      output_(output_size(recurrent_.layer()), options.vocabulary, {}, rng),
      ar_(options.ar),
      tar_(options.tar),
      label_smoothing_(options.label_smoothing) {
  drop_and_tie(options, rng);
}

void LanguageModel::drop_and_tie(const ModelOptions& options, Generator& rng) {
  if (options.embedding_dropout > 0)
    embedding_dropout_ = EmbeddingDropout<float>(options.embedding_dropout, rng);
  if (options.weight_drop > 0)
    recurrent_ = with_weight_drop(cell_, recurrent_.layer(), options.weight_drop, rng);
  if (!options.tie) return;
  if (!(embedding_.weight.shape() == output_.weight.shape()))
    raise<UsageError>("--tie: needs an --embedding of {}, the size of the recurrent layer's output; got {}",
                      output_.weight.shape()[1], embedding_.weight.shape()[1]);
  // As an embedding is drawn, logits would be far too large.
  init::normal(embedding_.weight, 0, 1 / std::sqrt(static_cast<double>(options.recurrent.input)), rng);
  output_.weight = embedding_.weight;
}

Variable<float> LanguageModel::hidden(const Indices& symbols, CarriedState& state) const {
  auto [y, after] = recurrent_(embedding_dropout_(embedding_, symbols), state);
  state = detach_state(after);
  return y;
}

Variable<float> LanguageModel::operator()(const Indices& symbols, CarriedState& state) const {
  return output_(dropout_(hidden(symbols, state)));
}

CarriedState LanguageModel::carried(const CarriedState& state) const {
  return cell_kind(cell_).forgets ? state : CarriedState{};
}

Variable<float> LanguageModel::loss(const Window& window, CarriedState& state) const {
  const Shape shape{window.steps, window.batch};
  const Variable<float> y = hidden(Indices(shape, window.inputs), state), dropped = dropout_(y);
  const double smoothing = recurrent_.training() ? label_smoothing_ : 0;
  Variable<float> loss =
      cross_entropy(output_(dropped), Indices(shape, window.targets), {.label_smoothing = smoothing});
  if (!recurrent_.training()) return loss;
  if (ar_ > 0) loss = loss + activation_regularisation(dropped, ar_);
  if (tar_ > 0) loss = loss + temporal_activation_regularisation(y, tar_);
  return loss;
}

double count_weights(const ModelOptions& options) {
  const CellOptions& o = options.recurrent;
  const double output = options.tie ? 0 : cell_kind(options.cell).outputs * static_cast<double>(o.hidden);
  return static_cast<double>(options.vocabulary) * (static_cast<double>(o.input) + output) +
         program::count_weights(options.cell, o);
}

namespace {

/// The sum of the losses of streams [first, last).
double sum_of_losses(const LanguageModel& model, const Streams& streams, std::int64_t first,
                     std::int64_t last) {
  const NoGrad no_grad;
  LanguageModel reader = model;  // shares the parameters
  eval(reader);
  CarriedState state;
  double sum = 0;
  for (std::int64_t k = 0; k < streams.windows(); ++k) {
    const Window window = streams.window(k, first, last);
    state = reader.carried(state);
    sum += double{reader.loss(window, state).item()} * static_cast<double>(window.targets.size());
  }
  return sum;
}

}  // namespace

double mean_loss(const LanguageModel& model, const Streams& streams) {
  return sum_of_losses(model, streams, 0, streams.batch()) / static_cast<double>(streams.targets());
}

double mean_loss(const LanguageModel& model, const Streams& streams, const Shards& shards) {
  const auto part = [&](int shard) -> ShardPart<float> {
    const auto rows = shards.rows(shard, streams.batch());
    return {{}, {rows.count() == 0 ? 0 : sum_of_losses(model, streams, rows.first, rows.last)}};
  };
  return shards.sum<float>(part).counts[0] / static_cast<double>(streams.targets());
}

}  // namespace unroll::char_lm
