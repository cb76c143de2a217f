#include "char_lm/saved_run.hpp"

#include <algorithm>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/train/model_task.hpp"

namespace unroll::char_lm {

SavedRun load_run(const std::string& file) { return program::load_run<TrainOptions, Reading>(file); }

ModelOptions model_options(const TrainOptions& options, const Vocabulary& vocabulary) {
  auto embedding = options.embedding > 0 ? options.embedding : std::min(vocabulary.size(), options.hidden);
  if (options.tie && options.embedding == 0) {
    const auto outputs = cell_kind(options.cell).outputs * static_cast<double>(options.hidden);
    embedding = std::max<index_t>(1, static_cast<index_t>(outputs));
  }
  return {.cell = options.cell,
          .vocabulary = vocabulary.size(),
          .recurrent = options.of_size(embedding, options.hidden, false),
          .weight_drop = options.weight_drop,
          .embedding_dropout = options.embedding_dropout,
          .ar = options.ar,
          .tar = options.tar,
          .label_smoothing = options.label_smoothing,
          .tie = options.tie,
          .averaged = options.ema > 0 || options.average_after > 0};
}

double least_weights(const TrainOptions& options, const Reading& reading) {
  return count_weights(model_options(options, reading.vocabulary));
}

LanguageModel new_model(const TrainOptions& options, const Vocabulary& vocabulary) {
  Generator rng(options.seed);
  return {model_options(options, vocabulary), rng};
}

LanguageModel trained_model(const SavedRun& run) {
  LanguageModel model = new_model(run.options, run.reading.vocabulary);
  load_trained(model, run.tensors);
  eval(model);
  return model;
}

void save_carried(const CarriedState& state, io::TensorFile& to) {
  for (const auto& [name, variable] : state.members) {
    const Variable<float> values = variable.copy();  // dense
    to.add("state." + name, {values.shape().begin(), values.shape().end()},
           std::span<const float>(values.data(), static_cast<std::size_t>(values.size())));
  }
}

CarriedState load_carried(const io::TensorFile& from) {
  constexpr std::string_view prefix = "state.";
  CarriedState state;
  for (const auto& [name, tensor] : from) {
    if (!name.starts_with(prefix)) continue;
    if (tensor.shape.size() < 3 || tensor.shape.size() > static_cast<std::size_t>(Shape::max_rank))
      raise<DataError>("{}: {} is no state of a layer: it has {} axes", from.source(), printable(name),
                       tensor.shape.size());
    auto variable = Variable<float>::uninitialised(Shape(tensor.shape.begin(), tensor.shape.end()));
    std::ranges::copy(from.get<float>(name), variable.mutable_data());
    state.members.push_back({name.substr(prefix.size()), variable});
  }
  return state;
}

}  // namespace unroll::char_lm
