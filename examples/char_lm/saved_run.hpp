#pragma once
/// \file What a checkpoint of char_lm holds.

#include "examples/char_lm/corpus.hpp"
#include "examples/char_lm/model.hpp"
#include "examples/char_lm/options.hpp"
#include "io/tensor_file.hpp"
#include "train/loop.hpp"

namespace unroll::char_lm {

/// A run as it was saved. `tensors` hold what begins with "model.", "optimizer." and "state.".
struct SavedRun {
  TrainOptions options;
  Reading reading;
  std::string text_checksum;
  LoopState loop;
  io::TensorFile tensors;
};

/// Errors: DataError naming the file.
void save_run(const std::string& file, const SavedRun& run);
SavedRun load_run(const std::string& file);

/// The sizes of a run's model.
ModelOptions model_options(const TrainOptions& options, const Vocabulary& vocabulary);
/// A model of a run's sizes with parameters drawn from its seed.
LanguageModel new_model(const TrainOptions& options, const Vocabulary& vocabulary);
/// The model as it was saved, in evaluation mode.
LanguageModel trained_model(const SavedRun& run);

/// The carried state among a run's tensors.
void save_carried(const CarriedState& state, io::TensorFile& to);
CarriedState load_carried(const io::TensorFile& from);

/// Makes `threads` the number of threads of this program, 0 being one for each core; returns it.
int use_threads(int threads);

}  // namespace unroll::char_lm
