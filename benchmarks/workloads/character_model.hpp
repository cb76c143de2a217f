#pragma once
/// \file A character language model, as a training step (W1) and as a writer (W6).

#include "unroll/autograd/losses.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/sampling.hpp"
#include "unroll/layers/stream.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"
#include "workloads/inputs.hpp"

namespace bench {

template <class T>
struct CharacterModel {
  using value_type = T;
  unroll::Embedding<T> embedding;
  unroll::Lstm<T> lstm;
  unroll::Linear<T> out;

  CharacterModel(index_t vocabulary, index_t hidden, int layers, Generator& rng)
      : embedding(vocabulary, vocabulary, {}, rng),
        lstm(vocabulary, hidden, {.num_layers = layers}, rng),
        out(hidden, vocabulary, {}, rng) {}
  void visit(auto&& v) { v("embedding", embedding), v("lstm", lstm), v("out", out); }
};

/// Forward, backward, clipping and Adam on one window of text; two layers.
template <class T>
class CharacterTraining {
 public:
  struct Sizes {
    index_t vocabulary = 65, hidden = 128, steps = 50, batch = 50;
  };

  explicit CharacterTraining(const Sizes& s) : sizes_(s), model_(s.vocabulary, s.hidden, 2, rng_) {
    x_ = tokens({s.steps, s.batch}, s.vocabulary, rng_);
    y_ = tokens({s.steps, s.batch}, s.vocabulary, rng_);
  }

  void operator()() {
    adam_.zero_grad();
    const auto h = model_.lstm(model_.embedding(x_)).output;
    cross_entropy(model_.out(h), y_).backward();
    clip_grad_norm(unroll::parameters(model_), 5.0);
    adam_.step();
  }

  double flops() const {
    const auto& [V, H, steps, batch] = sizes_;
    return layer_flops({4, V, H, batch, steps}, true) + layer_flops({4, H, H, batch, steps}, true) +
           linear_flops(steps * batch, H, V);
  }

 private:
  Sizes sizes_;
  Generator rng_{1};
  CharacterModel<T> model_;
  Indices x_, y_;
  unroll::Adam<T> adam_{unroll::parameters(model_), {.lr = 2e-3}};
};

/// Writes characters one by one, each drawn from the distribution after those before it; one layer.
template <class T>
class CharacterSampling {
 public:
  struct Sizes {
    index_t vocabulary = 65, hidden = 512, length = 1000;
  };

  explicit CharacterSampling(const Sizes& s) : sizes_(s), model_(s.vocabulary, s.hidden, 1, rng_) {}

  void operator()() {
    const unroll::NoGrad off;
    auto network = stream(model_.lstm);
    std::int64_t token = 0;
    for (index_t t = 0; t < sizes_.length; ++t) {
      const Variable<T> h = network.step(model_.embedding(Indices(Shape{1}, {token})));
      const Variable<T> logits = model_.out(h);
      token =
          unroll::draw_symbol({logits.data(), static_cast<std::size_t>(logits.size())}, {}, rng_.uniform());
    }
  }

  double flops() const {  // forward only
    const auto& [V, H, length] = sizes_;
    return (layer_flops({4, V, H, 1, length}, true) + linear_flops(length, H, V)) / 3;
  }

 private:
  Sizes sizes_;
  Generator rng_{1};
  CharacterModel<T> model_;
};

}  // namespace bench
