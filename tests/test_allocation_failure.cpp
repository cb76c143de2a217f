#include <doctest/doctest.h>

#include <new>
#include <vector>

#include "arrays.hpp"
#include "failing_allocation.hpp"
#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/pool_stats.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/layers/attention_pool.hpp"
#include "unroll/layers/decoding.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/layer_norm_gru.hpp"
#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/lstm_projection.hpp"
#include "unroll/layers/skip_rnn.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"
#include "unroll/train/weights.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// Runs it with every allocation failing in turn: an error or the right result comes out, nothing stays behind, and the
/// next run gives the right result to the bit. Returns how many allocations there are.
template <class Run>
long survives_every_failure(const Run& run) {
  run();  // what is made once
  const auto expected = run();
  const auto nodes = tape_stats<double>().live;
  const auto bytes = pool_stats().in_use;
  for (long n = 1;; ++n) {
    bool thrown = false, right = false;
    {
      const FailingAllocation failing(n);
      try {
        right = run() == expected;
      } catch (const std::bad_alloc&) {
        right = true;
      } catch (const Error&) {
        right = true;
      }
      thrown = failing.thrown();
    }
    CAPTURE(n);
    CHECK(right);
    CHECK(tape_stats<double>().live == nodes);
    CHECK(pool_stats().in_use == bytes);
    CHECK(run() == expected);
    if (!thrown) return n - 1;
    REQUIRE(n < 20000);
  }
}

/// The weights after a training step: a layer is made, unrolled, run back, clipped and updated.
template <class Layer, class... Sizes>
void trains(Sizes... sizes) {
  const long allocations = survives_every_failure([&] {
    Generator rng(1);
    Layer layer(2, sizes..., RecurrentOptions{.num_layers = 2, .dropout = 0.5}, rng);
    Adam<double> adam(parameters(layer), {.lr = 0.1});
    const V x = random_parameter<double>({3, 2, 2}, 3, -1, 1).detach();
    const V loss = mean(square(layer(x, {.lengths = {3, 2}}).output));
    loss.backward();
    clip_grad_norm(parameters(layer), 0.1);
    adam.step();
    std::vector<double> weights;
    for (const auto& p : parameters(layer))
      for (const double w : list(p.variable)) weights.push_back(w);
    return weights;
  });
  CHECK(allocations > 20);
}

struct Tagger {
  using value_type = double;
  Embedding<double> embedding;
  Gru<double> rnn;
  AttentionPool<double> pool;
  Linear<double> out;
  explicit Tagger(Generator& rng)
      : embedding(5, 3, {}, rng), rnn(3, 4, {}, rng), pool(4, 3, rng), out(4, 5, {}, rng) {}
  template <class Visit>
  void visit(Visit&& v) {
    v("embedding", embedding), v("rnn", rnn), v("pool", pool), v("out", out);
  }
};

}  // namespace

TEST_CASE("allocation failure: a training step of every layer leaves nothing behind and can be repeated") {
  trains<Elman<double>>(3), trains<Jordan<double>>(3, 2);
  trains<Lstm<double>>(3), trains<LstmPeephole<double>>(3), trains<LstmProjection<double>>(3, 2);
  trains<LayerNormLstm<double>>(3);
  trains<Gru<double>>(3), trains<GruResetBefore<double>>(3), trains<LayerNormGru<double>>(3);
  trains<SkipRnn<double>>(3), trains<ForgetGateRnn<double>>(3), trains<InputGateRnn<double>>(3);
}

TEST_CASE("allocation failure: embedding, attention and cross-entropy leave nothing behind") {
  survives_every_failure([] {
    Generator rng(2);
    Tagger model(rng);
    const V y = model.rnn(model.embedding(Indices({3, 2}, {0, 1, 2, 3, 4, 0}))).output;
    const V loss = cross_entropy(model.out(model.pool(y).context), Indices{1, 4});
    loss.backward();
    return list(V(model.embedding.weight.grad()));
  });
}

TEST_CASE("allocation failure: second derivatives leave nothing behind") {
  survives_every_failure([] {
    const V x = random_parameter<double>({3}, 5, -1, 1);
    const V y = sum(tanh(x) * softmax(x));
    const auto g = grad(std::vector<V>{y}, {x}, {.create_graph = true});
    sum(square(g[0])).backward();
    return list(V(x.grad()));
  });
}

TEST_CASE("allocation failure: weights and checkpoints are written whole or not at all, and read back") {
  const TemporaryFolder folder;
  Generator rng(3);
  const Tagger old(rng);
  survives_every_failure([&] {
    Generator other(4);
    Tagger model(other);
    save_weights(old, folder / "weights");
    load_weights(model, folder / "weights");
    return list(model.out.weight);
  });
  Generator other(5);
  Tagger changed(other);
  survives_every_failure([&] {
    save_weights(old, folder / "weights");
    try {
      save_weights(changed, folder / "weights");
    } catch (const std::exception&) {
      const auto bytes = io::read_safetensors(folder / "weights").get<double>("out.weight");
      CHECK((bytes == list(old.out.weight) || bytes == list(changed.out.weight)));
      throw;
    }
    return 0;
  });
  survives_every_failure([&] {
    io::save_checkpoint(folder / "checkpoint", {.kind = "test", .json = "{\"a\": 1}", .tensors = {}});
    return io::load_checkpoint(folder / "checkpoint", "test").json;
  });
}

TEST_CASE("allocation failure: sampling leaves nothing behind") {
  Generator rng(6);
  const GruCell<double> cell(4, 4, true, rng);
  const V embedded = random_parameter<double>({5, 4}, 7, -1, 1),
          output = random_parameter<double>({5, 4}, 8, -1, 1);
  const auto step = [&](const Indices& symbols, const V& h) {
    const V next = cell.step(cell.project(embedding(embedded, symbols)), h);
    return DecodingStep<double, V>{log_softmax(linear(next, output)), next};
  };
  survives_every_failure([&] {
    Generator drawing(9);
    std::vector<std::int64_t> all;
    for (const auto& found :
         sample(step, V({2, 4}, 0.0), {.start = 0, .end = 1, .max_length = 3}, {}, drawing))
      all.insert(all.end(), found.symbols.begin(), found.symbols.end());
    return all;
  });
}
