#pragma once
/// \file Writing text with a model.

#include <functional>

#include "char_lm/corpus.hpp"
#include "char_lm/model.hpp"
#include "unroll/layers/sampling.hpp"

namespace unroll::char_lm {

/// Draws `length` symbols that continue `prime`, or a new line if that is empty, and gives each to `emit` as
/// soon as it is drawn. The state is carried as in training with windows of `window` steps. The unknown symbol is never drawn. `model` is in evaluation mode.
/// Errors: DataError if the model's output is not finite.
void generate(const LanguageModel& model, const Vocabulary& vocabulary, std::int64_t window,
              std::vector<std::int64_t> prime, std::int64_t length, const SamplingOptions& options,
              Generator& rng, const std::function<void(const std::string&)>& emit);

}  // namespace unroll::char_lm
