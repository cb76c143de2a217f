#include <doctest/doctest.h>

#include <limits>

#include "cell_checks.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/attention.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr index_t B = 3, S = 4, E = 3, N = 2;
const Indices ragged = {2, 4, 0};
constexpr AttentionKind kinds[] = {AttentionKind::additive, AttentionKind::dot, AttentionKind::general,
                                   AttentionKind::scaled_dot};

Attention<double> attention(AttentionKind kind) {
  Generator rng(5);
  Attention<double> a(kind, {.query = E, .memory = E, .hidden = 5}, rng);
  scatter(a, 6);
  return a;
}

double dot(const Vec& a, const Vec& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

/// The score functions as in the papers, on plain numbers; `p` are the attention's parameters.
double score(AttentionKind kind, const std::vector<V>& p, const Vec& q, const Vec& s) {
  switch (kind) {
    case AttentionKind::dot:
      return dot(q, s);
    case AttentionKind::general:
      return dot(q, affine(p[0], s));
    case AttentionKind::scaled_dot:
      return dot(affine(p[0], q), affine(p[1], s)) / std::sqrt(5.0);
    case AttentionKind::additive:
      break;
  }
  Vec hidden = plus(affine(p[0], q), affine(p[1], s));
  for (double& x : hidden) x = std::tanh(x);
  return dot(list(p[2]), hidden);
}

Vec vector_at(const V& x, index_t i, index_t j) { return list(select(select(x, 0, i), 0, j)); }

/// Context, then weights, of one query over the first `length` vectors of sequence b.
Vec by_loops(AttentionKind kind, const std::vector<V>& p, const Vec& q, const V& outputs, index_t b,
             index_t length) {
  Vec context(E, 0.0), weights(S, 0.0);
  double total = 0;
  for (index_t s = 0; s < length; ++s)
    total += weights[static_cast<std::size_t>(s)] = std::exp(score(kind, p, q, vector_at(outputs, s, b)));
  for (index_t s = 0; s < length; ++s) {
    double& w = weights[static_cast<std::size_t>(s)];
    w /= total;
    const Vec v = vector_at(outputs, s, b);
    for (std::size_t e = 0; e < v.size(); ++e) context[e] += w * v[e];
  }
  context.insert(context.end(), weights.begin(), weights.end());
  return context;
}

}  // namespace

TEST_CASE("attention: every kind equals plain loops over each sequence's true length") {
  const V outputs = random_parameter({S, B, E}, 1), queries = random_parameter({B, N, E}, 2);
  for (const AttentionKind kind : kinds)
    for (const Indices& lengths : {Indices(), ragged}) {
      CAPTURE(static_cast<int>(kind));
      const auto a = attention(kind);
      const auto memory = a.memory(outputs, lengths);
      const auto [context, weights] = a(queries, memory);
      CHECK(context.shape() == Shape{B, N, E});
      CHECK(weights.shape() == Shape{B, N, S});
      for (index_t b = 0; b < B; ++b)
        for (index_t n = 0; n < N; ++n) {
          Vec both = vector_at(context, b, n);
          for (const double w : vector_at(weights, b, n)) both.push_back(w);
          const Vec expected = by_loops(kind, leaves(a), vector_at(queries, b, n), outputs, b,
                                        lengths.size() > 0 ? lengths[b] : S);
          CHECK(distance(both, expected) < 1e-14);  // some dozen roundings of numbers of order 1
        }
    }
}

TEST_CASE("attention: one query for each sequence is the first of several") {
  const V outputs = random_parameter({S, B, E}, 1), queries = random_parameter({B, N, E}, 2);
  for (const AttentionKind kind : kinds) {
    const auto a = attention(kind);
    const auto memory = a.memory(outputs, ragged);
    const auto one = a(select(queries, 1, 0), memory), all = a(queries, memory);
    CHECK(one.context.shape() == Shape{B, E});
    CHECK(one.weights.shape() == Shape{B, S});
    // Products of other sizes sum in another order.
    CHECK(distance(list(one.context), list(select(all.context, 1, 0))) < 1e-15);
    CHECK(distance(list(one.weights), list(select(all.weights, 1, 0))) < 1e-15);
  }
}

TEST_CASE("attention: masked weights are zero, an empty sequence reads zero, and NaN beyond is not seen") {
  const V clean = random_parameter({S, B, E}, 1), query = random_parameter({B, E}, 2);
  V dirty = clean.copy();
  for (index_t s = 0; s < S; ++s)
    for (index_t b = 0; b < B; ++b)
      for (index_t e = 0; s >= ragged[b] && e < E; ++e)
        dirty.mutable_data()[(s * B + b) * E + e] = std::numeric_limits<double>::quiet_NaN();
  dirty.requires_grad(true);
  const V seed = random_parameter({B, E}, 3).detach();
  for (const AttentionKind kind : kinds) {
    const auto a = attention(kind);
    const auto read = [&](const V& outputs) { return a(query, a.memory(outputs, ragged)); };
    const auto gradient = [&](const V& outputs, const V& leaf) {
      return list(grad(V(sum(read(outputs).context * seed)), leaf));
    };
    const auto r = read(dirty);
    CHECK(list(r.context) == list(read(clean).context));
    for (index_t b = 0; b < B; ++b)
      for (index_t s = 0; s < S; ++s) CHECK((r.weights.data()[b * S + s] != 0) == (s < ragged[b]));
    CHECK(list(select(r.context, 0, 2)) == Vec(E, 0.0));
    for (const V& leaf : leaves(a)) CHECK(gradient(dirty, leaf) == gradient(clean, leaf));
    CHECK(gradient(dirty, query) == gradient(clean, query));
    const Vec g = gradient(dirty, dirty);
    CHECK(g == gradient(clean, clean));
    for (index_t s = 0; s < S; ++s)
      for (index_t b = 0; b < B; ++b)
        if (s >= ragged[b]) CHECK(g[static_cast<std::size_t>((s * B + b) * E)] == 0);
  }
}

TEST_CASE("attention: gradients of context and weights pass the check, for every kind") {
  const V outputs = random_parameter({S, B, E}, 1), queries = random_parameter({B, N, E}, 2);
  for (const AttentionKind kind : kinds)
    for (const Indices& lengths : {Indices(), ragged}) {
      const auto a = attention(kind);
      std::vector<V> inputs = leaves(a);
      inputs.insert(inputs.end(), {outputs, queries});
      gradcheck(
          [&](const auto&) {
            const auto [context, weights] = a(queries, a.memory(outputs, lengths));
            return std::vector<V>{context, weights};
          },
          inputs, {.full = true});
    }
}

TEST_CASE("attention: second-order gradients pass the check") {
  const V outputs = random_parameter({S, B, E}, 1), query = random_parameter({B, E}, 2);
  for (const AttentionKind kind : kinds) {
    const auto a = attention(kind);
    std::vector<V> inputs = leaves(a);
    inputs.insert(inputs.end(), {outputs, query});
    gradgradcheck([&](const auto&) { return a(query, a.memory(outputs, ragged)).context; }, inputs);
  }
}

TEST_CASE("attention: parameters are those of the kind, and a copy shares them") {
  CHECK(names(attention(AttentionKind::additive)) == "weight_query(5, 3) weight_key(5, 3) v(1, 5)");
  CHECK(names(attention(AttentionKind::dot)).empty());
  CHECK(names(attention(AttentionKind::general)) == "weight(3, 3)");
  CHECK(names(attention(AttentionKind::scaled_dot)) == "weight_query(5, 3) weight_key(5, 3)");
  Generator rng(1);
  CHECK(names(Attention<double>(AttentionKind::additive, {.query = 2, .memory = 4}, rng)) ==
        "weight_query(2, 2) weight_key(2, 4) v(1, 2)");
}

TEST_CASE("attention: what does not fit is named") {
  const auto a = attention(AttentionKind::general);
  const V outputs({S, B, E}, 0.5);
  const auto memory = a.memory(outputs);
  CHECK(message_of<ShapeError>([&] {
          a(V({2, E}, 0.0), memory);
        }) == "attention: need a query (B, 3) or (B, N, 3) for a memory of 3 sequences; got (2, 3)");
  CHECK(message_of<ShapeError>([&] {
          a.memory(outputs, {1, 2});
        }) == "attention: need outputs (S, B, 3) and lengths (B,) or none; got (4, 3, 3) and (2,)");
  CHECK(message_of<ShapeError>([&] {
          a.memory(V({S, B, E + 1}, 0.5));
        }) == "attention: need outputs (S, B, 3) and lengths (B,) or none; got (4, 3, 4) and (0,)");
  CHECK(message_of<ShapeError>([] { Attention<double>(AttentionKind::dot, {.query = 2, .memory = 4}); }) ==
        "attention: dot needs queries and memory of one size; got 2 and 4");
  CHECK(message_of<ShapeError>([] {
          Attention<double>(AttentionKind::general, {.query = 0, .memory = 4});
        }) == "attention: need sizes of query and memory from 1; got 0 and 4, hidden 0");
  CHECK(message_of<IndexError>([&] {
          a.memory(outputs, {1, 2, 5});
        }) == "attention: need lengths from 0 to 4, the number of time steps; sequence 2 has 5");
  CHECK(message_of<ShapeError>([&] {
          a(V({B, E + 1}, 0.0), memory);
        }) == "attention: need a query (B, 3) or (B, N, 3) for a memory of 3 sequences; got (3, 4)");
  CHECK(message_of<UsageError>([&] { Attention<double>().memory(outputs); }) ==
        "attention: the layer is empty; assign a constructed one first");
  CHECK_THROWS_AS(a(V(), memory), UsageError);
  CHECK_THROWS_AS(a(V({B, E}, 0.0), {}), UsageError);
  CHECK_THROWS_AS(a.memory(V()), UsageError);
}
