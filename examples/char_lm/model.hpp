#pragma once
/// \file The model: embedding, a recurrent layer of any cell, a linear layer to the symbols.

#include "common/recurrent.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/data/streams.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/embedding_dropout.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/weight_drop.hpp"
#include "unroll/train/shards.hpp"

namespace unroll::char_lm {

using namespace program;

/// The state of the recurrent layer; none for zeros.
using CarriedState = AnyState<float>;

struct ModelOptions {
  std::string cell;
  index_t vocabulary;
  CellOptions recurrent;  ///< whose input is the embedding
  double weight_drop = 0, embedding_dropout = 0;
  double ar = 0, tar = 0;      ///< in the loss of training
  double label_smoothing = 0;  ///< the same
  bool tie = false;            ///< the embedding is the output's matrix
  bool averaged = false;       ///< means of the weights are kept beside it
};

class LanguageModel {
 public:
  /// Errors: UsageError for a cell that does not exist, naming those that do; for weights to drop that the cell does not have;
  ///         for matrices to tie that differ in size.
  LanguageModel(const ModelOptions& options, Generator& rng);

  /// The logits of the symbol that follows each of `symbols`. Reads `state` and replaces it by the state
  /// after the last step, cut off from the tape.
  /// Shapes: symbols (T, B) → (T, B, V); members of the state (L, B, H).
  Variable<float> operator()(const Indices& symbols, CarriedState& state) const;

  /// The state that a window begins with after one that ended with `state`: none where the cell cannot forget, whose
  /// state would grow with the text.
  CarriedState carried(const CarriedState& state) const;

  /// The mean loss over a window, in nats; in training mode with what the options add to it.
  Variable<float> loss(const Window& window, CarriedState& state) const;

  /// What a step applies one after the other, to the number of a symbol.
  auto parts() const { return std::tie(embedding_, recurrent_.layer(), output_); }

  template <class V>
  void visit(V&& v) {
    v("embedding", embedding_);
    if (embedding_dropout_.p() > 0) v("embedding_dropout", embedding_dropout_);
    if (recurrent_.options().p > 0)
      v(cell_, recurrent_);
    else
      v(cell_, recurrent_.layer());
    v("dropout", dropout_);
    v("output", output_);
  }

 private:
  /// The output of the recurrent layer; `state` as for the logits.
  Variable<float> hidden(const Indices& symbols, CarriedState& state) const;
  void drop_and_tie(const ModelOptions& options, Generator& rng);

  std::string cell_;
  Embedding<float> embedding_;
  EmbeddingDropout<float> embedding_dropout_;
  WeightDrop<AnyRecurrent<float>> recurrent_;
  Dropout<float> dropout_;
  Linear<float> output_;
  double ar_, tar_, label_smoothing_;
};

/// The number of parameters of such a model, biases and the like left out, without making it.
double count_weights(const ModelOptions& options);

/// Mean loss over all windows, in nats per symbol, without dropout; the state is carried, from zero, where the cell can
/// forget.
double mean_loss(const LanguageModel& model, const Streams& streams);
/// The same, of which each process computes its shards.
double mean_loss(const LanguageModel& model, const Streams& streams, const Shards& shards);

}  // namespace unroll::char_lm
