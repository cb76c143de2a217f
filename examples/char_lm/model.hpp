#pragma once
/// \file The model: embedding, a recurrent layer of any cell, a linear layer to the symbols.

#include <map>
#include <string>
#include <variant>

#include "autograd/losses.hpp"
#include "data/streams.hpp"
#include "layers/dropout.hpp"
#include "layers/embedding.hpp"
#include "layers/linear_layer.hpp"
#include "layers/lstm.hpp"
#include "layers/module.hpp"

namespace unroll::char_lm {

/// A cell is added here, and with its name in model.cpp.
using RecurrentLayer = std::variant<Lstm<float>>;

/// What a model carries from one window to the next, by name: "h", "c". Empty: zeros.
using CarriedState = std::map<std::string, Variable<float>>;

struct ModelOptions {
  std::string cell;
  index_t vocabulary, embedding, hidden;
  int layers;
  double dropout;
};

class LanguageModel {
 public:
  /// Errors: UsageError for a cell that does not exist, naming those that do.
  LanguageModel(const ModelOptions& options, Generator& rng);

  /// The logits of the symbol that follows each of `symbols`. Reads `state` and replaces it by the state
  /// after the last step, cut off from the tape.
  /// Shapes: symbols (T, B) → (T, B, V); members of the state (L, B, H).
  Variable<float> operator()(const Indices& symbols, CarriedState& state) const;

  /// The mean loss over a window, in nats.
  Variable<float> loss(const Window& window, CarriedState& state) const;

  template <class V>
  void visit(V&& v) {
    v("embedding", embedding_);
    std::visit([&](auto& layer) { v(cell_, layer); }, recurrent_);
    v("dropout", dropout_);
    v("output", output_);
  }

 private:
  std::string cell_;
  Embedding<float> embedding_;
  RecurrentLayer recurrent_;
  Dropout<float> dropout_;
  Linear<float> output_;
};

/// Mean loss over all windows, in nats per symbol, without dropout; the state is carried, from zero.
double mean_loss(const LanguageModel& model, const Streams& streams);

}  // namespace unroll::char_lm
