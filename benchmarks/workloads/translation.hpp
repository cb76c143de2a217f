#pragma once
/// \file An encoder and a decoder with additive attention, taught by the right words (W5).

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "workloads/inputs.hpp"

namespace bench {

/// What the decoder carries: its output [s; c], its own state, and what it attends to.
template <class T>
struct AttendingState {
  Variable<T> h, s, keys, memory;  ///< (B, 2H), (B, H), (B, S, H) twice
  void visit(auto&& v) { v("h", h), v("s", s), v("keys", keys), v("memory", memory); }
};

/// c = Σ softmax(v tanh(keys + W s + b)) memory;  s' = GRU([x; c], s)
template <class T>
struct AttendingCell {
  using value_type = T;
  using State = AttendingState<T>;
  static constexpr bool row_wise = true;
  unroll::GruCell<T> cell;
  unroll::Linear<T> query, score;

  State step(const Variable<T>& x, const State& before) const {
    const Variable<T>& keys = before.keys;
    const index_t batch = keys.shape()[0], source = keys.shape()[1], hidden = keys.shape()[2];
    const Variable<T> q = reshape(query(before.s), {batch, 1, hidden});
    const Variable<T> weights = softmax(reshape(score(tanh(keys + q)), {batch, 1, source}), 2);
    const Variable<T> c = reshape(matmul(weights, before.memory), {batch, hidden});
    const Variable<T> s = cell.step(cell.project(unroll::concat<T>({x, c}, 1)), before.s);
    return {unroll::concat<T>({s, c}, 1), s, keys, before.memory};
  }
  void visit(auto&& v) { v("cell", cell), v("query", query), v("score", score); }
};

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
    const auto [outputs, last] =
        scan(encoder_, source_embedding_(source_), encoder_.initial_state(sizes_.batch));
    const Variable<T> memory = permute(outputs, {1, 0, 2});
    const Variable<T> nothing({sizes_.batch, 2 * sizes_.hidden}, T{0});
    const auto decoded =
        scan(decoder_, target_embedding_(target_), AttendingState<T>{nothing, last, keys_(memory), memory});
    const index_t words = sizes_.target * sizes_.batch;
    cross_entropy(out_(reshape(decoded.output, {words, 2 * sizes_.hidden})), gold_).backward();
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
    v("keys", keys_), v("out", out_);
  }

 private:
  Sizes sizes_;
  Generator rng_{1};
  index_t V_ = sizes_.vocabulary, H_ = sizes_.hidden;
  unroll::Embedding<T> source_embedding_{V_, H_, {}, rng_}, target_embedding_{V_, H_, {}, rng_};
  unroll::GruCell<T> encoder_{H_, H_, true, rng_};
  AttendingCell<T> decoder_{{2 * H_, H_, true, rng_}, {H_, H_, {}, rng_}, {H_, 1, {.bias = false}, rng_}};
  unroll::Linear<T> keys_{H_, H_, {.bias = false}, rng_}, out_{2 * H_, V_, {}, rng_};
  Indices source_ = tokens({sizes_.source, sizes_.batch}, V_, rng_),
          target_ = tokens({sizes_.target, sizes_.batch}, V_, rng_),
          gold_ = tokens({sizes_.target * sizes_.batch}, V_, rng_);
};

}  // namespace bench
