#pragma once
/// \file An encoder and a decoder with additive attention, taught by the right words (W5).

#include "autograd/join.hpp"
#include "autograd/losses.hpp"
#include "autograd/reduce.hpp"
#include "autograd/softmax.hpp"
#include "benchmarks/workloads/inputs.hpp"
#include "layers/embedding.hpp"
#include "layers/gru.hpp"
#include "layers/linear_layer.hpp"

namespace bench {

/// Forward and backward over one batch of sentences, without an update.
template <class T>
class Translation {
 public:
  using value_type = T;
  struct Sizes {
    index_t vocabulary = 4000, hidden = 256, source = 20, target = 20, batch = 32;
  };

  explicit Translation(const Sizes& s) : sizes_(s) {}

  void operator()() {
    unroll::zero_grad(*this);
    const auto [memory, last] =
        scan(encoder_, source_embedding_(source_), encoder_.initial_state(sizes_.batch));
    const Variable<T> keys = keys_(memory), words = target_embedding_(target_);
    Variable<T> s = last;
    std::vector<Variable<T>> outputs;
    for (index_t t = 0; t < sizes_.target; ++t) {
      const Variable<T> match = score_(tanh(keys + query_(s)));
      const Variable<T> context = sum(softmax(match, 0) * memory, {0});
      s = decoder_.step(decoder_.project(unroll::concat<T>({unroll::select(words, 0, t), context}, 1)), s);
      outputs.push_back(unroll::concat<T>({s, context}, 1));
    }
    cross_entropy(out_(unroll::concat(outputs, 0)), gold_).backward();
  }

  double flops() const {
    const auto& [V, H, source, target, batch] = sizes_;
    return layer_flops({3, H, H, batch, source}, true) + layer_flops({3, 2 * H, H, batch, target}, true) +
           linear_flops(source * batch, H, H) + linear_flops(target * batch, H, H) +
           2 * linear_flops(target * source * batch, H, 1) + linear_flops(target * batch, 2 * H, V);
  }
  double units() const { return static_cast<double>(sizes_.target * sizes_.batch); }

  void visit(auto&& v) {
    v("source", source_embedding_), v("target", target_embedding_);
    v("encoder", encoder_), v("decoder", decoder_);
    v("keys", keys_), v("query", query_), v("score", score_), v("out", out_);
  }

 private:
  Sizes sizes_;
  Generator rng_{1};
  index_t V_ = sizes_.vocabulary, H_ = sizes_.hidden;
  unroll::Embedding<T> source_embedding_{V_, H_, {}, rng_}, target_embedding_{V_, H_, {}, rng_};
  unroll::GruCell<T> encoder_{H_, H_, true, rng_}, decoder_{2 * H_, H_, true, rng_};
  unroll::Linear<T> keys_{H_, H_, {.bias = false}, rng_}, query_{H_, H_, {}, rng_},
      score_{H_, 1, {.bias = false}, rng_}, out_{2 * H_, V_, {}, rng_};
  Indices source_ = tokens({sizes_.source, sizes_.batch}, V_, rng_),
          target_ = tokens({sizes_.target, sizes_.batch}, V_, rng_),
          gold_ = tokens({sizes_.target * sizes_.batch}, V_, rng_);
};

}  // namespace bench
