#pragma once
/// \file What a checkpoint of char_lm holds.

#include "char_lm/corpus.hpp"
#include "char_lm/model.hpp"
#include "char_lm/options.hpp"
#include "common/saved_run.hpp"

namespace unroll::char_lm {

/// Its tensors begin with "model.", "optimizer.", "state." and, with --ema or --average-after, "average.".
using SavedRun = program::SavedRunOf<TrainOptions, Reading>;

/// Errors: DataError naming the file.
SavedRun load_run(const std::string& file);

/// The sizes of a run's model.
ModelOptions model_options(const TrainOptions& options, const Vocabulary& vocabulary);
/// The number of the model's weights, at least.
double least_weights(const TrainOptions& options, const Reading& reading);
/// A model of a run's sizes with parameters drawn from its seed.
LanguageModel new_model(const TrainOptions& options, const Vocabulary& vocabulary);
/// The model as it was saved, with the means of its weights if there are any, in evaluation mode.
LanguageModel trained_model(const SavedRun& run);

/// The carried state among a run's tensors.
void save_carried(const CarriedState& state, io::TensorFile& to);
CarriedState load_carried(const io::TensorFile& from);

}  // namespace unroll::char_lm
