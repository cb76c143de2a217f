#pragma once
/// \file Translations, and how good they are.

#include "translate/corpus.hpp"
#include "translate/model.hpp"
#include "unroll/train/bleu.hpp"

namespace unroll::translate {

struct SearchOptions {
  std::int64_t beam = 1, best = 1, max_length = 200;
  double alpha = 0;  ///< of the length penalty n^α
};

/// The best translations of each source, in numbers. Sources of one batch; unknown words are never said.
std::vector<std::vector<Hypothesis>> translate(const Translator& model, const Reading& reading,
                                               const SequencePairs& batch, const SearchOptions& options);
Words words_of(const Hypothesis& hypothesis, const Reading& reading);

struct Quality {
  double loss = 0;  ///< nats for each symbol of the targets, ends included
  std::int64_t exact = 0, sentences = 0;
  Bleu bleu;
  double exact_share() const { return static_cast<double>(exact) / static_cast<double>(sentences); }
};

/// All pairs in batches of up to 64 of like length; of fewer where sentences are so long that a batch would
/// take too much memory: of B pairs, padded to S and T words, B T S attention weights and B (S + T) states.
std::vector<std::vector<std::int64_t>> batches_to_measure(const Corpus& corpus);

/// How well a model that is in evaluation mode predicts the targets, and translates the sources.
Quality measure(const Translator& model, const Reading& reading, const Corpus& corpus,
                const SearchOptions& options);

}  // namespace unroll::translate
