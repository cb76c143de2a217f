#pragma once
/// \file What a program's checkpoint holds.

#include <functional>

#include "common/options.hpp"
#include "unroll/data/vocabulary.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/io/json.hpp"
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
/// `to_json(json)`, which fills the argument, and `static from_json(JsonValue)`, which takes nothing that would not
/// serve. `least_weights(options, reading)` counts the numbers that the model has at least, without making it.
template <class Options, class Reading>
struct SavedRunOf : SavedState {
  Options options;
  Reading reading;
};

/// Makes `name`, float32 or bfloat16, the precision of this program's matrix products.
void use_precision(const std::string& name);

namespace internal {

// JSON passes by reference: what includes this file need not compile it.
void save_run(const std::string& file, const std::string& kind, const SavedState& state,
              const OptionList& options, const std::function<void(nlohmann::ordered_json&)>& write_reading);
SavedState load_run(const std::string& file, const std::string& kind, const OptionList& options,
                    const std::function<void(const io::JsonValue&)>& read_reading);
/// Errors: DataError if the file holds far fewer numbers of a model than that.
void check_holds(const std::string& file, const io::TensorFile& tensors, double least_weights);

}  // namespace internal

/// Errors: DataError naming the file.
template <class Options, class Reading>
void save_run(const std::string& file, const SavedRunOf<Options, Reading>& run) {
  Options options = run.options;
  internal::save_run(file, Options::kind, run, list_of(options),
                     [&](nlohmann::ordered_json& json) { run.reading.to_json(json); });
}

/// The one way in which all programs read what was saved: nothing is built from it that it does not justify. The program
/// goes on in the run's precision.
/// Errors: DataError naming the file: as io::load_checkpoint, for that of another program too; for options and a
///         reading out of their ranges; if the weights are fewer than the options say.
template <class Options, class Reading>
SavedRunOf<Options, Reading> load_run(const std::string& file) {
  Options options;
  Reading reading;
  SavedState state =
      internal::load_run(file, Options::kind, list_of(options),
                         [&](const io::JsonValue& value) { reading = Reading::from_json(value); });
  internal::check_holds(file, state.tensors, least_weights(options, reading));
  use_precision(options.precision);
  return {std::move(state), std::move(options), std::move(reading)};
}

/// The special symbols that a program counts on.
struct NeededSymbols {
  bool padding = false, unknown = false, start = false, end = false;
};
/// A vocabulary, which has one symbol at least.
/// Errors: DataError that begins with the value's place where it has none, or one of `needed` is missing.
Vocabulary read_vocabulary(const io::JsonValue& value, const NeededSymbols& needed);

/// A checksum that tells texts apart.
std::string checksum_of(std::string_view text);

/// Makes `threads` the number of threads of this program, 0 being one for each core; returns it.
int use_threads(int threads);

}  // namespace unroll::program
