#pragma once
/// \file The model: embedding, a recurrent layer of any cell, one vector of all its steps, a linear layer.

#include "classify/examples.hpp"
#include "classify/options.hpp"
#include "unroll/layers/attention_pool.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/linear_layer.hpp"

namespace unroll::classify {

/// The number of parameters of such a model, biases and the like left out, without making it.
double least_weights(const TrainOptions& options, const Reading& reading);

class Classifier {
 public:
  /// Errors: UsageError for a cell that does not exist.
  Classifier(const TrainOptions& options, const Reading& reading, Generator& rng);

  /// The logits of the classes, (B, C).
  Variable<float> operator()(const Batch& batch) const;

  template <class V>
  void visit(V&& v) {
    v("embedding", embedding_);
    v("embedding_dropout", embedding_dropout_);
    v(cell_, recurrent_);
    v("attention", attention_);
    v("dropout", dropout_);
    v("output", output_);
  }

 private:
  std::string cell_, pool_;
  Embedding<float> embedding_;  // of texts; empty for series
  Dropout<float> embedding_dropout_;
  AnyRecurrent<float> recurrent_;
  AttentionPool<float> attention_;  // empty without
  Dropout<float> dropout_;
  Linear<float> output_;
};

/// Logarithms of the probabilities of the classes, (B, C), without dropout.
Variable<float> log_probabilities(const Classifier& model, const Batch& batch);

}  // namespace unroll::classify
