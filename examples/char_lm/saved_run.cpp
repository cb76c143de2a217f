#include "examples/char_lm/saved_run.hpp"

#include <algorithm>
#include <thread>

#include "autograd/gemm.hpp"
#include "io/checkpoint.hpp"
#include "train/state_dict.hpp"

namespace unroll::char_lm {

using json = nlohmann::ordered_json;

void save_run(const std::string& file, const SavedRun& run) {
  const json state{{"options", to_json(run.options)},
                   {"reading", run.reading.to_json()},
                   {"text_checksum", run.text_checksum},
                   {"loop", run.loop.to_json()}};
  // A path need not be UTF-8, and JSON must be.
  std::string text = state.dump(-1, ' ', false, json::error_handler_t::replace);
  io::save_checkpoint(file, {.kind = "char_lm", .json = std::move(text), .tensors = run.tensors});
}

SavedRun load_run(const std::string& file) {
  io::Checkpoint checkpoint = io::load_checkpoint(file, "char_lm");
  try {
    const json state = json::parse(checkpoint.json);
    return {.options = from_json(state.at("options")),
            .reading = Reading::from_json(state.at("reading"), file),
            .text_checksum = state.at("text_checksum"),
            .loop = LoopState::from_json(state.at("loop"), file),
            .tensors = std::move(checkpoint.tensors)};
  } catch (const json::exception& error) {
    fail<DataError>("{}: no run of char_lm: {}", file, error.what());
  }
}

ModelOptions model_options(const TrainOptions& options, const Vocabulary& vocabulary) {
  const auto embedding =
      options.embedding > 0 ? options.embedding : std::min(vocabulary.size(), options.hidden);
  return {.cell = options.cell,
          .vocabulary = vocabulary.size(),
          .recurrent = {.input = embedding,
                        .hidden = options.hidden,
                        .layers = options.layers,
                        .dropout = options.dropout,
                        .recurrent_dropout = options.recurrent_dropout,
                        .zoneout = options.zoneout,
                        .zoneout_memory = options.zoneout_memory,
                        .variational = options.variational}};
}

LanguageModel new_model(const TrainOptions& options, const Vocabulary& vocabulary) {
  Generator rng(options.seed);
  return {model_options(options, vocabulary), rng};
}

LanguageModel trained_model(const SavedRun& run) {
  LanguageModel model = new_model(run.options, run.reading.vocabulary);
  load_state(model, run.tensors, {.prefix = "model"});
  eval(model);
  return model;
}

void save_carried(const CarriedState& state, io::TensorFile& to) {
  for (const auto& [name, variable] : state) {
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
    auto variable = Variable<float>::uninitialised(Shape(tensor.shape.begin(), tensor.shape.end()));
    std::ranges::copy(from.get<float>(name), variable.data());
    state[name.substr(prefix.size())] = variable;
  }
  return state;
}

int use_threads(int threads) {
  if (threads == 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  blas::set_num_threads(threads);
  return threads;
}

}  // namespace unroll::char_lm
