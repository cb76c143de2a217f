#pragma once
/// \file What a program's checkpoint holds.

#include "data/vocabulary.hpp"
#include "examples/common/options.hpp"
#include "io/checkpoint.hpp"
#include "train/loop.hpp"

namespace unroll::program {

/// A run as it was saved. `Reading` is how the program turns text into numbers, with its vocabularies; it has
/// `to_json()` and `static from_json(json, name)`. `tensors` hold what begins with "model." and "optimizer.",
/// and what a program adds.
template <class Options, class Reading>
struct SavedRunOf {
  Options options;
  Reading reading;
  std::string text_checksum;  ///< of what the run learns
  LoopState loop;
  io::TensorFile tensors;
};

/// Errors: DataError naming the file.
template <class Options, class Reading>
void save_run(const std::string& file, const SavedRunOf<Options, Reading>& run) {
  using json = nlohmann::ordered_json;
  const json state{{"options", options_to_json(run.options)},
                   {"reading", run.reading.to_json()},
                   {"text_checksum", run.text_checksum},
                   {"loop", run.loop.to_json()}};
  // A path need not be UTF-8, and JSON must be.
  std::string text = state.dump(-1, ' ', false, json::error_handler_t::replace);
  io::save_checkpoint(file, {.kind = Options::kind, .json = std::move(text), .tensors = run.tensors});
}

/// Errors: DataError naming the file: as io::load_checkpoint, for that of another program too.
template <class Options, class Reading>
SavedRunOf<Options, Reading> load_run(const std::string& file) {
  using json = nlohmann::ordered_json;
  io::Checkpoint checkpoint = io::load_checkpoint(file, Options::kind);
  try {
    const json state = json::parse(checkpoint.json);
    return {.options = options_from_json<Options>(state.at("options")),
            .reading = Reading::from_json(state.at("reading"), file),
            .text_checksum = state.at("text_checksum"),
            .loop = LoopState::from_json(state.at("loop"), file),
            .tensors = std::move(checkpoint.tensors)};
  } catch (const json::exception& error) {
    fail<DataError>("{}: no run of {}: {}", file, Options::kind, error.what());
  }
}

/// A checksum that tells texts apart.
std::string checksum_of(std::string_view text);

/// Makes `threads` the number of threads of this program, 0 being one for each core; returns it.
int use_threads(int threads);

}  // namespace unroll::program
