#pragma once
/// \file The recurrences of linear_attention as a cell of ordinary ops, for scan: the reference of its tests.

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/linear_attention.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/scan.hpp"

namespace unroll::tests {

/// The state (B, heads, d_k, d_v) and the output of the step.
template <class T>
struct AttentionState {
  Variable<T> h, s;
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("s", s);
  }
};

/// The input of a step has q, k, v, and what else the rule takes, side by side: (B, heads, columns).
template <class T>
struct AttentionCell {
  using V = Variable<T>;
  LinearAttentionRule rule;
  index_t key_size, value_size, decays;  ///< decays: 0, 1 or key_size
  bool bonus = false;
  double scale = 1;
  V u = {};

  AttentionState<T> step(const V& x, const AttentionState<T>& before) const {
    using R = LinearAttentionRule;
    index_t at = 0;
    const auto columns = [&](index_t n) {
      at += n;
      return slice(x, 2, at - n, at);
    };
    const auto upright = [](const V& c) { return reshape(c, {c.shape()[0], c.shape()[1], c.shape()[2], 1}); };
    const auto level = [](const V& c) { return reshape(c, {c.shape()[0], c.shape()[1], 1, c.shape()[2]}); };
    const auto over_keys = [](const V& c) { return sum(c, {2}, {.keepdims = true}); };
    const V q = upright(columns(key_size)), k = upright(columns(key_size)), v = level(columns(value_size));
    const V old = before.s;
    V s = old;
    if (decays > 0) s = exp(upright(columns(decays))) * old;
    if (rule == R::delta || rule == R::gated_delta) {
      const V beta = upright(columns(1));
      const V error = v - over_keys(k * s);
      s = s + k * (beta * error);
    } else {
      s = s + k * v;
    }
    if (rule == R::rank_one) {
      const V a = upright(columns(key_size)), b = upright(columns(key_size));
      s = s + a * over_keys(b * old);
    }
    V read = s;
    if (bonus) read = old + reshape(u, {u.shape()[0], key_size, 1}) * k * v;
    const V o = sum(read * q, {2}) * static_cast<T>(scale);
    return {o, s};
  }
};

/// The arrays of a call, random, all requiring gradients.
template <class T>
struct AttentionCase {
  explicit AttentionCase(LinearAttentionRule what, bool decay_per_key = false, bool with_bonus = false)
      : rule(what), keyed(decay_per_key), bonus(with_bonus) {}

  LinearAttentionRule rule;
  bool keyed, bonus;
  index_t steps = 7, batch = 2, heads = 2, key_size = 3, value_size = 4;
  double lowest = -1;  ///< of the decays
  std::vector<std::int64_t> lengths;
  bool growth = false;

  using V = Variable<T>;
  struct Arrays {
    V q, k, v, decay, beta, a, b, u, state;
  };
  Arrays x;

  void draw(std::uint64_t seed) {
    using R = LinearAttentionRule;
    const Shape keys{steps, batch, heads, key_size}, one = keys.without(3);
    const auto some = [&](const Shape& shape, double low, double high) {
      return random_parameter<T>(shape, seed++, low, high);
    };
    const double unit = 1 / std::sqrt(static_cast<double>(key_size));
    x.q = some(keys, -1, 1);
    x.k = some(keys, -unit, unit);
    x.v = some(keys.with(3, value_size), -1, 1);
    x.state = some({batch, heads, key_size, value_size}, -1, 1);
    if (rule != R::linear && rule != R::delta) x.decay = some(keyed ? keys : one, lowest, 0);
    if (rule == R::delta || rule == R::gated_delta) x.beta = some(one, 0, 2);
    if (rule == R::rank_one) {
      x.a = some(keys, -unit, unit);
      x.b = some(keys, -unit, unit);
    }
    if (bonus) x.u = some({heads, key_size}, -1, 1);
  }
  std::vector<V> inputs() const {
    std::vector<V> all;
    for (const V& one : {x.q, x.k, x.v, x.decay, x.beta, x.a, x.b, x.u, x.state})
      if (one) all.push_back(one);
    return all;
  }
  LinearAttention<T> chunked(index_t chunk) const {
    return linear_attention(x.q, x.k, x.v,
                            {.decay = x.decay,
                             .beta = x.beta,
                             .a = x.a,
                             .b = x.b,
                             .bonus = x.u,
                             .state = x.state,
                             .rule = rule,
                             .chunk = chunk,
                             .lengths = lengths.empty() ? Indices() : Indices(lengths),
                             .growth = growth});
  }
  LinearAttention<T> plain() const {
    AttentionCell<T> cell{rule, key_size, value_size, 0, bonus, 1 / std::sqrt(static_cast<double>(key_size)),
                          x.u};
    std::vector<V> parts{x.q, x.k, x.v};
    if (x.decay) {
      cell.decays = keyed ? key_size : 1;
      parts.push_back(keyed ? x.decay : reshape(x.decay, {steps, batch, heads, 1}));
    }
    if (x.beta) parts.push_back(reshape(x.beta, {steps, batch, heads, 1}));
    if (x.a) {
      parts.push_back(x.a);
      parts.push_back(x.b);
    }
    AttentionState<T> begin{V({batch, heads, value_size}, T{0}), x.state};
    auto run =
        scan(cell, concat(parts, 3), begin, {.lengths = lengths.empty() ? Indices() : Indices(lengths)});
    return {run.output, run.state.s};
  }
};

/// The gradients of a fixed random function of output and state.
template <class T>
std::vector<Variable<T>> gradients_of(const AttentionCase<T>& c, const LinearAttention<T>& results) {
  const auto weights = random_parameter<T>(results.output.shape(), 1001).detach();
  const auto more = random_parameter<T>(results.state.shape(), 1002).detach();
  return grad<T>({results.output, results.state}, c.inputs(), {}, {weights, more});
}

/// Every rule, with each kind of decay and bonus that it takes.
inline std::vector<AttentionCase<double>> every_rule() {
  using C = AttentionCase<double>;
  using Rule = LinearAttentionRule;
  std::vector<C> all{C(Rule::linear), C(Rule::linear, false, true), C(Rule::delta)};
  for (bool keyed : {false, true}) {
    for (Rule rule : {Rule::gated, Rule::gated_delta, Rule::rank_one}) all.emplace_back(rule, keyed);
    for (Rule rule : {Rule::gated, Rule::rank_one}) all.emplace_back(rule, keyed, true);
  }
  return all;
}

/// The largest difference relative to the largest element of b.
inline double relative_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 1e-300, worst = 0;
  for (double x : b) largest = std::max(largest, std::abs(x));
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]) / largest;
    worst = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(worst, d);
  }
  return worst;
}

/// Both are sums of the same terms in another order.
inline void equals_recurrence(const AttentionCase<double>& c, index_t chunk) {
  INFO("rule " << static_cast<int>(c.rule) << ", keyed " << c.keyed << ", bonus " << c.bonus << ", steps "
               << c.steps << ", chunk " << chunk);
  const auto ours = c.chunked(chunk), plain = c.plain();
  CHECK(relative_distance(list(ours.output), list(plain.output)) < 1e-13);
  CHECK(relative_distance(list(ours.state), list(plain.state)) < 1e-13);
  const auto d_ours = gradients_of(c, ours), d_plain = gradients_of(c, plain);
  for (std::size_t i = 0; i < d_ours.size(); ++i) {
    CAPTURE(i);
    CHECK(relative_distance(list(d_ours[i]), list(d_plain[i])) < 1e-11);
  }
}

}  // namespace unroll::tests
