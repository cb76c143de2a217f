#include "unroll/detail/autograd/tools/step_jacobian.hpp"

#include <doctest/doctest.h>

#include "small_cells.hpp"
#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"

using namespace unroll;
using namespace unroll::tests;
using V = Variable<double>;
using Vs = std::vector<V>;

namespace {

using Jacobian = detail::StepJacobian<double>;

/// ∂s'/∂s and ∂s'/∂θ, element by element.
struct DenseJacobian {
  std::vector<double> of_state, of_parameters;
};

DenseJacobian assemble(const Jacobian& parts, index_t rows, index_t columns) {
  DenseJacobian dense;
  dense.of_state.resize(static_cast<std::size_t>(rows * rows));
  dense.of_parameters.resize(static_cast<std::size_t>(rows * columns));
  const auto add = [](std::vector<double>& to, index_t at, double d) {
    to[static_cast<std::size_t>(at)] += d;
  };
  for (const auto& p : parts.of_state()) {
    for (index_t i = 0; i < p.rows; ++i) {
      if (p.diagonal) add(dense.of_state, (p.row + i) * rows + p.column + i, p.values[i]);
      for (index_t j = 0; j < p.columns && !p.diagonal; ++j)
        add(dense.of_state, (p.row + i) * rows + p.column + j, p.values[i * p.stride + j]);
    }
  }
  for (const auto& p : parts.of_parameters())
    for (index_t i = 0; i < p.count; ++i)
      for (index_t j = 0; j < p.columns && p.values[i] != 0; ++j)
        add(dense.of_parameters, (p.row + i * p.row_step) * columns + p.column + i * p.columns + j,
            p.values[i] * p.x[j]);
  return dense;
}

/// A step from some leaves, and what it is computed from.
struct RecordedStep {
  Vs before, after, parameters;
  index_t rows() const { return detail::StateRows(after).rows(); }
  index_t columns() const {
    index_t sum = 0;
    for (const V& p : parameters) sum += p.size();
    return sum;
  }
};

Vs leaves(const std::vector<Shape>& shapes, std::uint64_t seed = 90) {
  Vs all;
  for (const Shape& shape : shapes) all.push_back(random_parameter(shape, seed++));
  return all;
}

Vs parameters_of(const auto& module) {
  Vs all;
  for (const auto& p : parameters(module)) all.push_back(p.variable);
  return all;
}

DenseJacobian by_walk(const RecordedStep& step) {
  Jacobian parts;
  REQUIRE(parts.find(step.before, step.after, step.parameters));
  return assemble(parts, step.rows(), step.columns());
}

DenseJacobian by_passes(const RecordedStep& step) {
  Jacobian parts;
  parts.find_by_passes(step.before, step.after, step.parameters);
  return assemble(parts, step.rows(), step.columns());
}

// The walk finds what backward passes find. Sums of some ten products of numbers about 1, in another order.
void compare(const RecordedStep& step) {
  const DenseJacobian mine = by_walk(step), right = by_passes(step);
  CHECK(distance(mine.of_state, right.of_state) < 1e-12);
  CHECK(distance(mine.of_parameters, right.of_parameters) < 1e-12);
  const auto depends = [](const std::vector<double>& d) {
    return std::any_of(d.begin(), d.end(), [](double x) { return std::abs(x) > 1e-3; });
  };
  CHECK((depends(right.of_state) || step.before.empty()));
  CHECK(depends(right.of_parameters));
}

// Whether the walk declines.
bool declined(const RecordedStep& step) {
  Jacobian parts;
  const bool found = parts.find(step.before, step.after, step.parameters);
  CHECK((found || (parts.of_state().empty() && parts.of_parameters().empty())));
  return !found;
}

V input(index_t batch, index_t size = 2) { return random_parameter({batch, size}, 70).detach(); }

/// One step of a cell whose state is h, or h and c.
template <class Cell>
RecordedStep step_of_cell(const Cell& cell, index_t batch) {
  const V x = input(batch);
  Vs s = leaves({{batch, 4}, {batch, 4}});
  if constexpr (requires(typename Cell::State state) { state.c; }) {
    const auto next = detail::whole_step(cell, x, typename Cell::State{s[0], s[1]});
    return {s, {next.h, next.c}, parameters_of(cell)};
  } else {
    s.resize(1);
    return {s, {output_of(detail::whole_step(cell, x, typename Cell::State{s[0]}))}, parameters_of(cell)};
  }
}

}  // namespace

TEST_CASE("step_jacobian: of Elman, LSTM, peephole LSTM and GRU, it is that of backward passes") {
  for (const index_t batch : {1, 2, 3}) {
    CAPTURE(batch);
    Generator rng(3);
    compare(step_of_cell(SmallElman(2, 4, true, rng), batch));
    compare(step_of_cell(SmallElman(2, 4, false, rng), batch));
    compare(step_of_cell(LstmCell<double>(2, 4, true, rng), batch));
    compare(step_of_cell(LstmPeepholeCell<double>(2, 4, true, rng), batch));
    compare(step_of_cell(SmallGru(2, 4, 5), batch));
  }
}

TEST_CASE("step_jacobian: of a cell that mixes the rows of the batch") {
  Generator rng(4);
  for (const index_t batch : {1, 2, 3}) compare(step_of_cell(MixingCell(2, 4, true, rng), batch));
}

TEST_CASE("step_jacobian: a stack of two layers, and a second step inside the step") {
  const Vs w = leaves({{3, 2}, {3, 3}, {4, 3}, {4, 4}, {4}}, 10);
  for (const index_t batch : {1, 3}) {
    const V x = input(batch);
    const Vs s = leaves({{batch, 3}, {batch, 4}});
    const V first = tanh(linear(x, w[0]) + linear(s[0], w[1]));
    const V second = tanh(linear(first, w[2], w[4]) + linear(s[1], w[3]));
    compare({s, {first, second}, w});
    compare({s, {tanh(linear(first, w[1])), tanh(linear(second, w[3]) + second * s[1])}, w});
  }
}

TEST_CASE("step_jacobian: parameters of any rank that are broadcast, used twice, or make other parameters") {
  const Vs p = leaves({{}, {1}, {4}, {1, 4}, {3, 1}, {3, 4}, {4, 4}}, 20);
  const V h = leaves({{3, 4}})[0];
  compare(
      {{h}, {tanh(h * p[0] + p[1] * p[2] + p[3] * h * p[4] + p[5])}, {p[0], p[1], p[2], p[3], p[4], p[5]}});
  const V bias = p[2] * p[2] + reshape(p[3], {4});
  compare({{h}, {tanh(linear(h, p[6], bias) + linear(h * p[2], p[6])) * p[0]}, p});
  compare({{h}, {tanh(linear(h, p[6]) * p[4] + sigmoid(linear(h, p[6], bias)))}, {p[6], p[4], p[2]}});
}

TEST_CASE("step_jacobian: states of other ranks, a member that stays, and one that is a parameter") {
  const Vs s = leaves({{4}, {3}});
  const Vs p = leaves({{4, 4}, {3}, {4, 3}}, 30);
  compare({s, {tanh(linear(s[0], p[0]) + linear(s[1], p[2])), s[1]}, p});
  compare({s, {tanh(linear(s[0], p[0])), p[1]}, p});
  const V deep = leaves({{2, 3, 4}})[0];
  compare({{deep}, {tanh(linear(deep, p[0]))}, p});
  compare({{deep}, {reshape(tanh(linear(reshape(deep, {6, 4}), p[0])), {2, 3, 4})}, p});
}

TEST_CASE("step_jacobian: a step of several hundred ops") {
  const Vs p = leaves({{4, 4}, {4}}, 80);
  const V h = leaves({{2, 4}})[0];
  V deep = h;
  for (int k = 0; k < 150; ++k) deep = deep + 0.01 * tanh(linear(deep, p[0])) * p[1];
  compare({{h}, {deep}, p});
}

TEST_CASE("step_jacobian: cuts along any axis, with and without gaps") {
  const Vs p = leaves({{8, 4}, {2, 4}, {4, 2}}, 40);
  for (const index_t batch : {1, 2}) {
    const V h = leaves({{batch, 4}})[0], gates = linear(h, p[0]);
    const auto [a, b] = chunk<2>(gates);
    compare({{h}, {tanh(a) * sigmoid(b)}, p});
    const V every_other = slice(gates, 1, 0, 8, 2), one = slice(p[1], 0, 1, 2);
    compare({{h}, {tanh(every_other * a + one)}, p});
    compare({{h}, {tanh(linear(slice(h, 1, 1, 3) * slice(a, 1, 0, 4, 2), p[2]))}, p});
  }
}

TEST_CASE("step_jacobian: rows looked up in a table") {
  const V table = random_parameter({5, 2}, 50), w = random_parameter({4, 2}, 51),
          u = random_parameter({4, 4}, 52);
  const V h = leaves({{3, 4}})[0];
  const auto step = [&](const V& x) { return V(tanh(linear(x, w) + linear(h, u))); };
  compare({{h}, {step(embedding(table, Indices({3}, {4, 1, 4})))}, {table, w, u}});
  compare({{h}, {step(embedding(table, Indices({3}, {4, 1, 0}), 1))}, {table, w, u}});
  compare({{h}, {step(embedding(table * 2.0, Indices({3}, {0, 0, 0})))}, {table, w, u}});
  const V small = random_parameter({1, 2}, 53);  // of which the product is computed once
  compare({{h}, {step(embedding(small, Indices({3}, {0, 0, 0})))}, {small, w, u}});
}

TEST_CASE("step_jacobian: other ops run backward for each number of the state") {
  const Vs p = leaves({{4, 4}, {4}, {4}, {6, 4}}, 60);
  for (const index_t batch : {1, 3}) {
    const Vs s = leaves({{batch, 4}, {batch, 2}});
    const V norm = layer_norm(linear(s[0], p[0]), p[1], p[2]);
    compare({s, {tanh(norm) * softmax(s[0], 1), s[1]}, p});
    compare({{s[0]}, {tanh(matmul(concat<double>({s[0], s[1]}, 1), p[3]))}, p});
    compare({{s[0]}, {tanh(s[0] * sum(s[0] * p[1]) + p[2])}, p});
  }
}

// The product with J then takes no longer than for each row of the batch by itself.
TEST_CASE("step_jacobian: no part joins the rows of a batch that the step keeps apart") {
  const V w = random_parameter({4, 4}, 60), h = leaves({{3, 4}})[0];
  const V after = tanh(layer_norm(linear(h, w)) + softmax(h, 1));
  Jacobian parts;
  REQUIRE(parts.find({h}, {after}, {w}));
  CHECK(parts.of_state().size() >= 3);
  for (const auto& part : parts.of_state()) {
    CHECK(part.column / 4 == part.row / 4);
    CHECK((part.column + part.columns - 1) / 4 == part.row / 4);
    CHECK((part.row + part.rows - 1) / 4 == part.row / 4);
  }
}

TEST_CASE("step_jacobian: steps that it leaves to backward passes") {
  const Vs p = leaves({{4, 4}, {4, 4}}, 70);
  const V h = leaves({{4, 4}})[0];
  const auto step = [&](const Vs& parameters) {
    return RecordedStep{{h}, {tanh(linear(h, p[0]))}, parameters};
  };
  CHECK_FALSE(declined(step(p)));
  CHECK(declined({{h}, {linear(p[0], h)}, p}));         // the state as a weight
  CHECK(declined({{h}, {linear(h, p[0] * p[1])}, p}));  // a weight that is computed
  CHECK(declined(step({p[0], p[1], p[0]})));
  V hooked = tanh(linear(h, p[0]));
  hooked.register_hook([](const V& g) { return V(g * 2.0); });
  CHECK(declined({{h}, {hooked * 2.0}, p}));
  CHECK_FALSE(declined({{h}, {tanh(linear(h, p[0]))}, p}));
  V frozen = p[1];
  frozen.requires_grad(false);
  CHECK(declined(step(p)));
  frozen.requires_grad(true);
  V watched = h;
  watched.register_hook([](const V& g) { return V(g * 2.0); });
  CHECK(declined(step(p)));
}

TEST_CASE("step_jacobian: in anomaly mode it leaves the step to backward passes") {
  const V w = random_parameter({4, 4}, 1), h = leaves({{1, 4}})[0];
  const AnomalyMode anomaly;
  CHECK(declined({{h}, {tanh(linear(h, w))}, {w}}));
}

TEST_CASE("step_jacobian: a step of so many parts that backward passes are as good") {
  const V w = random_parameter({4}, 1);
  const auto turned = [&](std::int64_t n) {
    const V h = leaves({{1, n}})[0];
    std::vector<std::int64_t> from(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) from[static_cast<std::size_t>(i)] = i * 7 % n;
    const V mixed = gather(reshape(h, {n, 1}), Indices({n}, from));
    return RecordedStep{{h}, {reshape(mixed, {1, n}) * sum(w)}, {w}};
  };
  compare(turned(40));
  CHECK(declined(turned(400)));
}

TEST_CASE("step_jacobian: hooks of parameters are not for it, and stay") {
  V w = random_parameter({4, 4}, 1);
  int calls = 0;
  w.register_hook([&](const V&) {
    ++calls;
    return V();
  });
  const V h = leaves({{1, 4}})[0];
  compare({{h}, {layer_norm(linear(h, w))}, {w}});
  CHECK(calls == 0);
  sum(linear(h, w)).backward();
  CHECK(calls == 1);
}

// The slope of sqrt is infinite at 0, and so is an input of a row that is not used.
TEST_CASE("step_jacobian: what passes on a derivative of 0 passes on 0, as in backward passes") {
  V h = values({2, 3}, {0, 4, 1, 1, 2, 3}), w = random_parameter({3, 3}, 1), p = row({0.5, 2, 3});
  h.requires_grad(true), p.requires_grad(true);
  const V mask = values({2, 3}, {0, 1, 1, 1, 1, 1}), first = values({2, 1}, {1, 0});
  const V x = values({2, 3}, {1, 2, 3, 1, std::numeric_limits<double>::infinity(), 2});
  const V roots = sqrt(h), fed = linear(x, w);
  for (const RecordedStep& step : {RecordedStep{{h}, {V(roots * mask + h * p)}, {p, w}},
                                   RecordedStep{{h}, {V(where(first > 0.5, fed, h * p))}, {p, w}}}) {
    const DenseJacobian mine = by_walk(step), right = by_passes(step);
    CHECK(distance(mine.of_state, right.of_state) < 1e-15);  // the same products
    CHECK(distance(mine.of_parameters, right.of_parameters) < 1e-15);
    for (const double d : mine.of_parameters) CHECK(std::isfinite(d));
  }
}

TEST_CASE("step_jacobian: a weight that is infinite reaches only what depends on its row") {
  const V h = leaves({{1, 2}})[0], mask = row({1, 0}), p = random_parameter({2}, 1);
  const V w = values({2, 2}, {1, 2, std::numeric_limits<double>::infinity(), 3});
  const DenseJacobian mine = by_walk({{h}, {V(linear(h, w) * mask)}, {p}});
  CHECK(mine.of_state == std::vector<double>{1, 2, 0, 0});
}

TEST_CASE("step_jacobian: refuses what backward refuses, in its words") {
  V w = random_parameter({4, 4}, 1);
  const V h = leaves({{1, 4}})[0];
  const V changed = tanh(linear(h, w));
  w.update([](auto& value) { value *= 2.0; });
  Jacobian parts;
  CHECK(message_of<UsageError>([&] { parts.find({h}, {changed}, {w}); }) ==
        "backward: linear needs input 2 (4, 4) as it was, but update() has changed it since; call backward "
        "before the update, or compute the result again");
  const V inner = linear(h, w), released = inner * 2.0;
  sum(inner).backward();
  CHECK(message_of<UsageError>([&] { parts.find({h}, {released}, {w}); }) ==
        "backward: linear was released by an earlier backward; give that one retain = true, or detach() what "
        "is "
        "carried on from it (a state: detach_state())");
}
