#include <doctest/doctest.h>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/scan.hpp"
#include "unroll/layers/summary.hpp"
#include "unroll/optim/sgd.hpp"
#include "unroll/train/weights.hpp"

// Members that are saved with the weights, but not learned.

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// Scales its input before a linear layer.
struct Scaled {
  using value_type = double;
  V mean, deviation;
  Linear<double> linear;

  explicit Scaled(std::uint64_t seed = 1)
      : mean(random_parameter({3}, seed).detach()), deviation({3}, 2.0), linear(make(seed)) {}
  V operator()(const V& x) const { return linear(V((x - mean) / deviation)); }
  void visit(auto&& v) { v("mean", buffer(mean)), v("deviation", buffer(deviation)), v("linear", linear); }

 private:
  static Linear<double> make(std::uint64_t seed) {
    Generator rng(seed);
    return {3, 2, {}, rng};
  }
};

std::vector<std::string> names(const auto& arrays) {
  std::vector<std::string> result;
  for (const auto& p : arrays) result.push_back(p.name);
  return result;
}

}  // namespace

TEST_CASE("buffers: are listed apart from parameters") {
  const Scaled model;
  CHECK(names(parameters(model)) == std::vector<std::string>{"linear.weight", "linear.bias"});
  CHECK(names(buffers(model)) == std::vector<std::string>{"mean", "deviation"});
  CHECK(count_parameters(model) == 8);
  CHECK(buffers(model.linear).empty());
}

TEST_CASE("buffers: an optimiser does not step them, though a loss depends on them") {
  const Scaled model;
  const auto before = list(model.mean);
  Sgd<double> sgd(parameters(model), {.lr = 0.1});
  sum(square(model(random_parameter({4, 3}, 5)))).backward();
  sgd.step();
  CHECK(list(model.mean) == before);
  CHECK_FALSE(model.mean.requires_grad());
}

TEST_CASE("buffers: are saved and loaded with the weights") {
  const TemporaryFolder folder;
  const Scaled saved(1);
  Scaled loaded(2);
  save_weights(saved, folder / "model.safetensors");
  load_weights(loaded, folder / "model.safetensors");
  CHECK(list(loaded.mean) == list(saved.mean));
  CHECK(list(loaded.linear.weight) == list(saved.linear.weight));
  CHECK(buffers(loaded)[0].variable.same_as(loaded.mean));
}

TEST_CASE("buffers: a file without them does not fit") {
  const TemporaryFolder folder;
  Scaled model;
  save_weights(model.linear, folder / "linear.safetensors", "linear");
  try {
    load_weights(model, folder / "linear.safetensors");
    FAIL("no error");
  } catch (const DataError& e) {
    CHECK(std::string(e.what()).find("missing: mean, deviation") != std::string::npos);
  }
}

TEST_CASE("buffers: a clone has its own, a copy shares them") {
  const Scaled model;
  const Scaled copy = model, cloned = clone(model);
  CHECK(copy.mean.same_as(model.mean));
  CHECK_FALSE(cloned.mean.same_as(model.mean));
  CHECK(list(cloned.mean) == list(model.mean));
}

TEST_CASE("buffers: summary marks them and counts them in a line of their own") {
  CHECK(summary(Scaled()) ==
        "name                shape   parameters  multiply-adds  state\n"
        "mean (buffer)       (3,)\n"
        "deviation (buffer)  (3,)\n"
        "linear.weight       (2, 3)           6              6\n"
        "linear.bias         (2,)             2              0\n"
        "total                                8              6      0\n"
        "buffers                              6\n");
}
