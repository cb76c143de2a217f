#pragma once
/// \file What a program's checkpoint holds.

#include <functional>

#include "common/options.hpp"
#include "unroll/data/vocabulary.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/train/loop.hpp"

namespace unroll::program {

/// What every saved run has. `tensors` hold what begins with "model." and "optimizer.", and what a program
/// adds.
struct SavedState {
  std::string text_checksum;  ///< of what the run learns
  LoopState loop;
  io::TensorFile tensors;
};

/// A run as it was saved. `Reading` is how the program turns text into numbers, with its vocabularies; it has
/// `to_json(json)`, which fills the argument, and `static from_json(json, name)`.
template <class Options, class Reading>
struct SavedRunOf : SavedState {
  Options options;
  Reading reading;
};

namespace internal {

// JSON passes by reference: what includes this file need not compile it.
void save_run(const std::string& file, const std::string& kind, const SavedState& state,
              const OptionList& options, const std::function<void(nlohmann::ordered_json&)>& write_reading);
SavedState load_run(const std::string& file, const std::string& kind, const OptionList& options,
                    const std::function<void(const nlohmann::ordered_json&)>& read_reading);

}  // namespace internal

/// Errors: DataError naming the file.
template <class Options, class Reading>
void save_run(const std::string& file, const SavedRunOf<Options, Reading>& run) {
  Options options = run.options;
  internal::save_run(file, Options::kind, run, list_of(options),
                     [&](nlohmann::ordered_json& json) { run.reading.to_json(json); });
}

/// Errors: DataError naming the file: as io::load_checkpoint, for that of another program too.
template <class Options, class Reading>
SavedRunOf<Options, Reading> load_run(const std::string& file) {
  Options options;
  Reading reading;
  SavedState state = internal::load_run(
      file, Options::kind, list_of(options),
      [&](const nlohmann::ordered_json& json) { reading = Reading::from_json(json, file); });
  return {std::move(state), std::move(options), std::move(reading)};
}

/// A checksum that tells texts apart.
std::string checksum_of(std::string_view text);

/// Makes `threads` the number of threads of this program, 0 being one for each core; returns it.
int use_threads(int threads);

}  // namespace unroll::program
