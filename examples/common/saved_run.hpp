#pragma once
/// \file What a program's checkpoint holds.

#include <functional>

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

namespace internal {

/// The same before its options and its reading are known.
struct SavedParts {
  nlohmann::ordered_json options, reading;
  std::string text_checksum;
  LoopState loop;
  io::TensorFile tensors;
};
void save_parts(const std::string& file, const std::string& kind, const SavedParts& parts);
SavedParts load_parts(const std::string& file, const std::string& kind);
/// Carries out `read`. Errors: DataError naming the file for what JSON lacks.
void read_parts(const std::string& file, const std::string& kind, const std::function<void()>& read);

}  // namespace internal

/// Errors: DataError naming the file.
template <class Options, class Reading>
void save_run(const std::string& file, const SavedRunOf<Options, Reading>& run) {
  internal::save_parts(
      file, Options::kind,
      {options_to_json(run.options), run.reading.to_json(), run.text_checksum, run.loop, run.tensors});
}

/// Errors: DataError naming the file: as io::load_checkpoint, for that of another program too.
template <class Options, class Reading>
SavedRunOf<Options, Reading> load_run(const std::string& file) {
  internal::SavedParts parts = internal::load_parts(file, Options::kind);
  SavedRunOf<Options, Reading> run{.options = {},
                                   .reading = {},
                                   .text_checksum = std::move(parts.text_checksum),
                                   .loop = std::move(parts.loop),
                                   .tensors = std::move(parts.tensors)};
  internal::read_parts(file, Options::kind, [&] {
    run.options = options_from_json<Options>(parts.options);
    run.reading = Reading::from_json(parts.reading, file);
  });
  return run;
}

/// A checksum that tells texts apart.
std::string checksum_of(std::string_view text);

/// Makes `threads` the number of threads of this program, 0 being one for each core; returns it.
int use_threads(int threads);

}  // namespace unroll::program
