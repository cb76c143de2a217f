#include <doctest/doctest.h>

#include <limits>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/attention_pool.hpp"
#include "unroll/layers/module.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
constexpr index_t T = 4, B = 3, F = 2, A = 5;
const Indices ragged = {2, 4, 0};

AttentionPool<double> pool() {
  Generator rng(3);
  return {F, A, rng};
}

/// The formula on plain numbers, for one sequence of `length` vectors: context, then weights.
std::vector<double> by_loops(const AttentionPool<double>& p, const V& y, index_t b, index_t length) {
  std::vector<double> context(F, 0.0), weights(T, 0.0);
  double total = 0;
  for (index_t t = 0; t < length; ++t) {
    double score = 0;
    for (index_t a = 0; a < A; ++a) {
      double z = p.bias.data()[a];
      for (index_t f = 0; f < F; ++f) z += p.weight.data()[a * F + f] * y.data()[(t * B + b) * F + f];
      score += p.query.data()[a] * std::tanh(z);
    }
    total += weights[static_cast<std::size_t>(t)] = std::exp(score);
  }
  for (index_t t = 0; t < length; ++t) {
    double& w = weights[static_cast<std::size_t>(t)];
    w /= total;
    for (index_t f = 0; f < F; ++f) context[static_cast<std::size_t>(f)] += w * y.data()[(t * B + b) * F + f];
  }
  context.insert(context.end(), weights.begin(), weights.end());
  return context;
}

}  // namespace

TEST_CASE("attention pool: equals plain loops, over each sequence's true length") {
  const auto p = pool();
  const V y = random_parameter({T, B, F}, 1);
  for (const Indices& lengths : {Indices(), ragged}) {
    const auto [context, weights] = p(y, lengths);
    CHECK(context.shape() == Shape{B, F});
    CHECK(weights.shape() == Shape{B, T});
    for (index_t b = 0; b < B; ++b) {
      std::vector<double> both = list(select(context, 0, b));
      for (const double w : list(select(weights, 0, b))) both.push_back(w);
      // Some dozen roundings of numbers of order 1.
      CHECK(distance(both, by_loops(p, y, b, lengths.size() > 0 ? lengths[b] : T)) < 1e-14);
    }
  }
}

TEST_CASE("attention pool: what stands beyond the end has no influence, not even NaN") {
  const auto p = pool();
  const V clean = random_parameter({T, B, F}, 1);
  V dirty = clean.copy();
  for (index_t t = 0; t < T; ++t)
    for (index_t b = 0; b < B; ++b)
      for (index_t f = 0; t >= ragged[b] && f < F; ++f)
        dirty.mutable_data()[(t * B + b) * F + f] = std::numeric_limits<double>::quiet_NaN();
  dirty.requires_grad(true);
  const auto a = p(clean, ragged), b = p(dirty, ragged);
  CHECK(list(a.context) == list(b.context));
  CHECK(list(a.weights) == list(b.weights));
  const V seed = random_parameter({B, F}, 2).detach();
  const auto gradient = [&](const V& y, const V& leaf) {
    return list(grad(V(sum(p(y, ragged).context * seed)), leaf));
  };
  for (const V& leaf : {p.weight, p.bias, p.query}) CHECK(gradient(clean, leaf) == gradient(dirty, leaf));
  const auto g = gradient(dirty, dirty);
  for (index_t t = 0; t < T; ++t)
    for (index_t s = 0; s < B; ++s)
      CHECK((g[static_cast<std::size_t>((t * B + s) * F)] != 0) == (t < ragged[s]));
}

TEST_CASE("attention pool: gradients pass the check, of context and weights, ragged too") {
  const auto p = pool();
  const V y = random_parameter({T, B, F}, 1);
  for (const Indices& lengths : {Indices(), ragged}) {
    gradcheck(
        [&](const auto&) {
          const auto [context, weights] = p(y, lengths);
          return std::vector<V>{context, weights};
        },
        {y, p.weight, p.bias, p.query}, {.full = true});
  }
}

TEST_CASE("attention pool: parameters have names, and what does not fit is named") {
  const auto p = pool();
  std::string names;
  for (const auto& q : parameters(p)) names += q.name + q.variable.shape().str() + " ";
  CHECK(names == "weight(5, 2) bias(5,) query(1, 5) ");
  CHECK(message_of<ShapeError>([&] {
          p(V({T, F}, 0.0));
        }) == "attention pool: need y (T, B, 2) and lengths (B,) or none; got (4, 2) and (0,)");
  CHECK_THROWS_AS(p(V({T, B, F}, 0.0), {1, 2}), ShapeError);
  CHECK(message_of<IndexError>([&] {
          p(V({T, B, F}, 0.0), {1, 2, 5});
        }) == "attention pool: need lengths from 0 to 4, the number of time steps; sequence 2 has 5");
  CHECK(message_of<UsageError>([] {
          AttentionPool<double>()(V({T, B, F}, 0.0));
        }) == "attention pool: the layer is empty; assign a constructed one first");
  CHECK(message_of<ShapeError>([&] {
          p(V({T, B, F + 1}, 0.0), ragged);
        }) == "attention pool: need y (T, B, 2) and lengths (B,) or none; got (4, 3, 3) and (3,)");
  CHECK_THROWS_AS(p(V()), UsageError);
  CHECK(message_of<ShapeError>([] { AttentionPool<double>(0, 3); }) ==
        "attention pool: need at least 1 feature and size; got 0 and 3");
}
