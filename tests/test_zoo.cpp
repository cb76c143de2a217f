#include "cells/zoo.hpp"

#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/check_visit.hpp"
#include "zoo_plain.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

AnyRecurrent<double> zoo_layer(const zoo::Row<double>& row, index_t input, index_t hidden,
                               const RecurrentOptions& options = {}) {
  Generator rng(1);
  auto layer = row.make(input, hidden, options, rng);
  scatter(layer, 1);
  return layer;
}

/// Two steps of two sequences from a state that is not zero.
void equals_plain_step(const AnyRecurrent<double>& layer, const zoo_plain::Step& step) {
  zoo_plain::Plain plain;
  for (auto& p : parameters(layer)) plain.weights.emplace(p.name, p.variable);
  const V x = random_parameter({2, 2, 3}, 11);
  const auto start = random_state(layer.initial_state(2), 21);
  const auto [y, last] = layer(x, start);
  for (index_t b = 0; b < 2; ++b) {
    std::vector<Vec> state;
    for (const V& v : members(start)) state.push_back(list(select(select(v, 0, 0), 0, b)));
    for (index_t t = 0; t < 2; ++t) {
      step(plain, list(select(select(x, 0, t), 0, b)), state);
      // Some dozen roundings of numbers of order 1.
      CHECK(distance(list(select(select(y, 0, t), 0, b)), state[0]) < 1e-13);
    }
    const auto end = members(last);
    for (std::size_t m = 0; m < end.size(); ++m)
      CHECK(distance(list(select(select(end[m], 0, 0), 0, b)), state[m]) < 1e-13);
  }
}

/// An MGU with a parameter that visit() does not show.
template <class T>
struct ForgetfulCell : zoo::MguCell<T> {
  Variable<T> bonus = zoo::MguCell<T>::filled({1}, 0.5);
  using zoo::MguCell<T>::MguCell;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    return bonus * zoo::MguCell<T>::step(x, h);
  }
};

}  // namespace

TEST_CASE("zoo: two steps of every cell equal its paper's equations on plain numbers") {
  const auto& steps = zoo_plain::steps();
  CHECK(steps.size() == zoo::table<double>().size());
  for (const auto& row : zoo::table<double>()) {
    const std::string name = row.name;
    CAPTURE(name);
    REQUIRE(steps.contains(name));
    for (const bool bias : {true, false})
      equals_plain_step(zoo_layer(row, 3, zoo_plain::hidden, {.bias = bias}), steps.at(name));
  }
}

TEST_CASE("zoo: gradients of every cell pass the check, both ways, ragged, with resets and recomputed") {
  const Indices resets(Shape{3, 2}, {0, 0, 1, 0, 0, 1});
  for (const auto& row : zoo::table<double>()) {
    const std::string name = row.name;
    CAPTURE(name);
    const auto layer = zoo_layer(row, 2, 3, {.bidirectional = true});
    std::vector<V> inputs = {random_parameter({3, 2, 2}, 14)};
    const auto start = random_state(layer.initial_state(2), 24);
    for (const V& v : members(start)) inputs.push_back(v);
    for (const SequenceOptions& way :
         std::vector<SequenceOptions>{{}, {.lengths = {1, 3}, .resets = resets, .segment = 2}}) {
      gradcheck(
          layer,
          [&](const auto&) {
            const auto [y, last] = layer(inputs[0], start, way);
            std::vector<V> all = members(last);
            all.push_back(y);
            return all;
          },
          inputs);
    }
  }
}

TEST_CASE("zoo: second-order gradients of every cell pass the check") {
  for (const auto& row : zoo::table<double>()) {
    const std::string name = row.name;
    CAPTURE(name);
    const auto layer = zoo_layer(row, 2, 2);
    std::vector<V> inputs = leaves(layer);
    inputs.push_back(random_parameter({2, 2, 2}, 13));
    const auto start = random_state(layer.initial_state(2), 23);
    for (const V& v : members(start)) inputs.push_back(v);
    const V x = inputs[leaves(layer).size()];
    gradgradcheck([&](const auto&) { return layer(x, start).output; }, inputs);
  }
}

TEST_CASE("zoo: no row of a batch depends on another, and layers name what does not fit") {
  const NoGrad off;
  for (const auto& row : zoo::table<double>()) {
    const std::string name = row.name;
    CAPTURE(name);
    const auto layer = zoo_layer(row, 3, 4);
    const V x = random_parameter({3, 2, 3}, 15);
    const V both = layer(x).output, second = layer(slice(x, 1, 1)).output;
    CHECK(distance(list(slice(both, 1, 1)), list(second)) < 1e-15);
    errors_are_named(layer);
  }
}

TEST_CASE("zoo: the cell that is linear in its state gives the same at once and step by step") {
  Generator rng(1);
  check_parallel(zoo::TRnnCell<double>(3, 4, true, rng), {.input = {3}});
}

TEST_CASE("zoo: names are in order, and the check of a cell finds a parameter that it does not show") {
  const auto& all = zoo::table<double>();
  for (std::size_t k = 1; k < all.size(); ++k)
    CHECK_MESSAGE(std::string(all[k - 1].name) < all[k].name, all[k].name);
  const auto layer = zoo_layer({"forgetful", "", zoo::layer_of<double, ForgetfulCell>}, 2, 3);
  const V x = random_parameter({3, 2, 2}, 16);
  CHECK_THROWS_AS(gradcheck(layer, [&] { return layer(x).output; }), UsageError);
}
