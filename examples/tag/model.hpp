#pragma once
/// \file The model: what a word is known by, a recurrent layer over the sentence in both directions, a linear
/// layer to the tags.

#include <optional>

#include "common/cell_choice.hpp"
#include "tag/corpus.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/linear_layer.hpp"

namespace unroll::tag {

using namespace program;

struct ModelOptions {
  CellChoice choice;
  index_t words = 0;  ///< known ones; 0: words are known by their spelling only
  index_t word_embedding = 1;
  index_t characters = 0;  ///< known ones; 0: words are not spelled
  index_t character_embedding = 1, character_hidden = 1;
  index_t hidden = 1, tags = 1;
  double label_smoothing = 0;  ///< in training
};

/// The number of parameters of such a model, biases and the like left out, without making it.
double count_weights(const ModelOptions& options);

class TagModel {
 public:
  /// Errors: UsageError for a cell that does not exist, naming those that do.
  TagModel(const ModelOptions& options, Generator& rng);

  /// The logits of each word's tag.
  /// Shapes: (T, B, K).
  Variable<float> operator()(const Batch& batch) const;
  /// The mean loss over the words that have a tag, in nats.
  Variable<float> loss(const Batch& batch) const;

  template <class V>
  void visit(V&& v) {
    if (words_) v("words", *words_);
    if (characters_) v("characters", *characters_), v("spelling", spelling_);
    v(cell_, recurrent_);
    v("dropout", dropout_);
    v("output", output_);
  }

 private:
  /// Shapes: (T, B, F).
  Variable<float> features(const Batch& batch) const;

  std::string cell_;
  std::optional<Embedding<float>> words_, characters_;
  AnyRecurrent<float> spelling_, recurrent_;
  Dropout<float> dropout_;
  Linear<float> output_;
  double label_smoothing_;
};

}  // namespace unroll::tag
