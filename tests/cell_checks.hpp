#pragma once
/// \file What the tests of all cells share: the plain-number arithmetic of their references, and the checks
/// that every cell has to pass.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "arrays.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/layers/recurrent.hpp"
#include "unroll/layers/stream.hpp"

namespace unroll::tests {

using V = Variable<double>;
using Vec = std::vector<double>;

inline double sigma(double x) { return 1 / (1 + std::exp(-x)); }

/// W x + b on plain numbers, rows [first, first + rows) of W; all of them without `rows`.
inline Vec affine(const V& w, const Vec& x, const V& b = {}, index_t first = 0, index_t rows = -1) {
  const index_t cols = w.shape()[1];
  Vec y(static_cast<std::size_t>(rows < 0 ? w.shape()[0] : rows));
  for (std::size_t r = 0; r < y.size(); ++r) {
    const index_t row = first + static_cast<index_t>(r);
    y[r] = b ? b.data()[row] : 0;
    for (index_t k = 0; k < cols; ++k) y[r] += w.data()[row * cols + k] * x[static_cast<std::size_t>(k)];
  }
  return y;
}

inline Vec plus(Vec a, const Vec& b) {
  for (std::size_t k = 0; k < a.size(); ++k) a[k] += b[k];
  return a;
}

/// γ (x − μ) / √(σ² + 1e-5) + β on plain numbers.
inline Vec normalised(Vec x, const V& gamma, const V& beta) {
  double mean = 0, variance = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
  for (std::size_t k = 0; k < x.size(); ++k)
    x[k] = gamma.data()[k] * (x[k] - mean) / std::sqrt(variance + 1e-5) + (beta ? beta.data()[k] : 0);
  return x;
}

/// Every parameter anew from U(−0.8, 0.8), so that those which begin at 0 or 1 take part.
template <class M>
void scatter(const M& module, std::uint64_t seed) {
  Random random(seed);
  for (auto& p : parameters(module)) {
    p.variable.update([&](auto& w) {
      for (auto& v : w) v = random.uniform(-0.8, 0.8);
    });
  }
}

template <class M>
std::vector<V> leaves(const M& module) {
  std::vector<V> list;
  for (auto& p : parameters(module)) list.push_back(p.variable);
  return list;
}

template <class M>
std::string names(const M& module) {
  std::string text;
  for (auto& p : parameters(module)) text += (text.empty() ? "" : " ") + p.name + p.variable.shape().str();
  return text;
}

/// The Variables of a state.
template <class S>
std::vector<V> members(S state) {
  std::vector<V> list;
  detail::visit_state(state, [&](std::string_view, V& v) { list.push_back(v); });
  return list;
}

/// The same state with values from U(−0.8, 0.8), as parameters.
template <class S>
S random_state(const S& zeros, std::uint64_t seed) {
  return map_state(zeros, [&](const V& v) { return random_parameter(v.shape(), seed++, -0.8, 0.8); });
}

/// Two steps of a batch of two from a state that is not zero equal `plain`: a function of a sample's x and of
/// its state, one vector for each member, which it changes.
template <class Cell, class Plain, class S>
void equals_plain(const Cell& cell, const Plain& plain, const S& start) {
  const index_t B = 2, steps = 2, I = cell.input_size();
  const V x = random_parameter({steps, B, I}, 11);
  const auto [y, last] = scan(cell, x, start);
  for (index_t b = 0; b < B; ++b) {
    std::vector<Vec> state;
    for (const V& v : members(start)) state.push_back(list(select(v, 0, b)));
    for (index_t t = 0; t < steps; ++t) {
      plain(list(select(select(x, 0, t), 0, b)), state);
      // Some dozen roundings of numbers of order 1.
      CHECK(distance(list(select(select(y, 0, t), 0, b)), state[0]) < 1e-13);
    }
    const std::vector<V> end = members(last);
    REQUIRE(end.size() == state.size());
    for (std::size_t m = 0; m < end.size(); ++m)
      CHECK(distance(list(select(end[m], 0, b)), state[m]) < 1e-13);
  }
}

template <class Cell, class Plain>
void equals_plain(const Cell& cell, const Plain& plain) {
  equals_plain(cell, plain, random_state(cell.initial_state(2), 21));
}

/// Of three steps of two sequences: forward, reversed, ragged, with resets, recomputed, and all at once.
inline std::vector<ScanOptions> ways_to_run() {
  const Indices lengths = {1, 3}, resets(Shape{3, 2}, {0, 0, 1, 0, 0, 1});
  return {{},
          {.reverse = true},
          {.lengths = lengths},
          {.reverse = true, .lengths = lengths},
          {.resets = resets},
          {.segment = 2},
          {.reverse = true, .lengths = lengths, .resets = resets, .segment = 2}};
}

/// All gradients, element by element: of one step on an input that the cell has projected, and of a scan in
/// every way to run; from a state that is not zero.
template <class Cell, class S>
void gradients_pass(const Cell& cell, const S& start) {
  const V x = random_parameter({3, 2, cell.input_size()}, 12);
  std::vector<V> inputs = leaves(cell);
  inputs.push_back(x);
  for (const V& v : members(start)) inputs.push_back(v);
  const auto projected = [&](const V& xt) -> V {
    if constexpr (HasProject<Cell, double>) {
      return cell.project(xt);
    } else {
      return xt;
    }
  };
  gradcheck([&](const auto&) { return members(detail::step_of(cell, projected(select(x, 0, 1)), start)); },
            inputs, {.full = true});
  for (const ScanOptions& options : ways_to_run()) {
    gradcheck(
        [&](const auto&) {
          const auto [y, last] = scan(cell, x, start, options);
          std::vector<V> all = members(last);
          all.push_back(y);
          return all;
        },
        inputs, {.full = true});
  }
}

template <class Cell>
void gradients_pass(const Cell& cell) {
  gradients_pass(cell, random_state(cell.initial_state(2), 22));
}

/// Gradients of gradients through a scan.
template <class Cell, class S>
void second_order_passes(const Cell& cell, const S& start) {
  const V x = random_parameter({3, 2, cell.input_size()}, 13);
  std::vector<V> inputs = leaves(cell);
  inputs.push_back(x);
  for (const V& v : members(start)) inputs.push_back(v);
  gradgradcheck([&](const auto&) { return scan(cell, x, start).output; }, inputs);
  gradgradcheck([&](const auto&) { return scan(cell, x, start, {.lengths = {1, 3}}).output; }, inputs);
}

template <class Cell>
void second_order_passes(const Cell& cell) {
  second_order_passes(cell, random_state(cell.initial_state(2), 23));
}

/// Two steps of a cell of several inputs (T = 2, B, …) equal `plain`: a function of a sample's inputs, a vector for each,
/// and of its state, which it changes.
template <class Cell, class Plain, class S, class... X>
void several_equal_plain(const Cell& cell, const Plain& plain, const S& start,
                         const std::tuple<X...>& inputs) {
  const auto [y, last] = scan(cell, inputs, start);
  for (index_t b = 0; b < y.shape()[1]; ++b) {
    std::vector<Vec> state;
    for (const V& v : members(start)) state.push_back(list(select(v, 0, b)));
    for (index_t t = 0; t < y.shape()[0]; ++t) {
      std::vector<Vec> now;
      for (const V& v : detail::input_list<double>(inputs))
        now.push_back(list(select(select(v, 0, t), 0, b)));
      plain(now, state);
      CHECK(distance(list(select(select(y, 0, t), 0, b)), state[0]) < 1e-13);
    }
    const std::vector<V> end = members(last);
    for (std::size_t m = 0; m < end.size(); ++m)
      CHECK(distance(list(select(end[m], 0, b)), state[m]) < 1e-13);
  }
}

/// As gradients_pass and second_order_passes, for a cell of several inputs (3, 2, …), with respect to all
/// that requires gradients.
template <class Cell, class S, class... X>
void several_gradients_pass(const Cell& cell, const S& start, const std::tuple<X...>& inputs) {
  std::vector<V> all = leaves(cell), others = detail::input_list<double>(inputs);
  for (const V& v : members(start)) others.push_back(v);
  for (const V& v : others)
    if (v.requires_grad()) all.push_back(v);
  for (const ScanOptions& options : ways_to_run()) {
    gradcheck(
        [&](const auto&) {
          const auto [y, last] = scan(cell, inputs, start, options);
          std::vector<V> results = members(last);
          results.push_back(y);
          return results;
        },
        all, {.full = true});
  }
  gradgradcheck([&](const auto&) { return scan(cell, inputs, start, {.lengths = {1, 3}}).output; }, all);
}

/// A layer of cells of several inputs: steps of a stream are those of the layer, and a sequence in two
/// parts is the whole.
template <class Layer, class... X>
void several_streams_pass(const Layer& layer, const std::tuple<X...>& inputs) {
  const NoGrad off;
  const auto [y, last] = layer(inputs);
  const index_t steps = y.shape()[0], batch = y.shape()[1];
  auto one = stream(layer, batch);
  for (index_t t = 0; t < steps; ++t) {
    const V h = std::apply([&](const auto&... x) { return one.step(select(x, 0, t)...); }, inputs);
    CHECK(distance(list(h), list(select(y, 0, t))) < 1e-13);
  }
  const auto part = [&](index_t from, index_t to) {
    return std::apply([&](const auto&... x) { return std::tuple{slice(x, 0, from, to)...}; }, inputs);
  };
  const auto first = layer(part(0, 2));
  const auto second = layer(part(2, steps), first.state);
  CHECK(distance(list(concat({first.output, second.output}, 0)), list(y)) < 1e-13);
  const auto end = members(second.state), whole = members(last);
  for (std::size_t m = 0; m < end.size(); ++m) CHECK(distance(list(end[m]), list(whole[m])) < 1e-13);
}

/// All gradients of a layer of several cells, element by element, in every way to run, from states that are
/// not zero.
template <class Layer>
void stack_passes(const Layer& layer, index_t input) {
  scatter(layer, 2);
  const V x = random_parameter({3, 2, input}, 14);
  const auto start = random_state(layer.initial_state(2), 24);
  std::vector<V> inputs = leaves(layer);
  inputs.push_back(x);
  for (const V& v : members(start)) inputs.push_back(v);
  for (const ScanOptions& way : ways_to_run()) {
    if (way.reverse) continue;
    gradcheck(
        [&](const auto&) {
          const auto [y, last] =
              layer(x, start, {.lengths = way.lengths, .resets = way.resets, .segment = way.segment});
          std::vector<V> all = members(last);
          all.push_back(y);
          return all;
        },
        inputs, {.full = true});
  }
}

/// A layer for inputs of 3 with one layer of 4 units names what does not fit.
template <class Layer>
void errors_are_named(const Layer& layer) {
  using State = typename Layer::State;
  CHECK(message_of<ShapeError>([&] {
          layer(V({5, 2, 4}, 0.0));
        }) == "recurrent: need x (T, B, 3); got (5, 2, 4)");
  CHECK(message_of<ShapeError>([&] { layer(V({5, 3}, 0.0)); }) == "recurrent: need x (T, B, 3); got (5, 3)");
  const State good = layer.initial_state(2);
  const State bad = map_state(good, [](const V& v) { return V(v.shape().with(1, 1), 0.0); });
  CHECK(message_of<ShapeError>([&] {
          layer(V({5, 2, 3}, 0.0), bad);
        }) == "recurrent: need the state's h as " + output_of(good).shape().str() + "; got " +
                  output_of(bad).shape().str());
  CHECK_THROWS_AS(layer(V({0, 2, 3}, 0.0)), UsageError);
  CHECK_THROWS_AS(layer(V()), UsageError);
  CHECK(layer(V({5, 2, 3}, 0.0)).output.shape()[0] == 5);  // as good as before
}

}  // namespace unroll::tests
