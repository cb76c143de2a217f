#pragma once
/// \file How well a model tags.

#include "tag/model.hpp"
#include "unroll/train/classification.hpp"

namespace unroll::tag {

/// The most probable tag of each word of a batch: (T, B), 0 beyond the end of a sentence.
Indices best_tags(const Variable<float>& logits);

struct Scores {
  explicit Scores(std::int64_t tags) : matrix(tags) {}

  double loss = 0;                              ///< mean in nats over the words whose tag the model knows
  ConfusionMatrix matrix;                       ///< of the same words
  std::int64_t tokens = 0, right = 0;           ///< a tag that the model does not know counts as missed
  std::int64_t unknown = 0, unknown_right = 0;  ///< of words that the model does not know

  double accuracy() const;
  /// Nothing if all words are known.
  std::optional<double> unknown_accuracy() const;
};

/// Tags a corpus without dropout.
/// Errors: DataError naming `name` if the model knows none of its tags.
Scores score(const TagModel& model, const Corpus& corpus, const Reading& reading, std::string_view name);

}  // namespace unroll::tag
