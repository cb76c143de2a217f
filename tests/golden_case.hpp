#pragma once
/// \file Vectors made by the reference code of a network's authors, and how an implementation is held to them.

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"

namespace unroll::tests {

struct ReferenceArray {
  Shape shape;
  std::vector<double> values;
};

/// One case: inputs, outputs, the weights w of the loss Σ output · w, and the gradients of that loss.
class ReferenceCase {
 public:
  using Arrays = std::map<std::string, ReferenceArray>;
  ReferenceCase(Arrays inputs, Arrays outputs, Arrays weights, Arrays gradients)
      : outputs_(std::move(outputs)), weights_(std::move(weights)), gradients_(std::move(gradients)) {
    for (const auto& [name, array] : inputs) inputs_[name] = tests::values(array.shape, array.values);
  }

  bool has(const std::string& name) const { return inputs_.contains(name); }
  /// An input as a parameter.
  const Variable<double>& operator[](const std::string& name) const { return inputs_.at(name); }

  /// The numbers of an output.
  const std::vector<double>& output(const std::string& name) const { return outputs_.at(name).values; }

  /// Checks outputs and gradients; in float64 both sides round a few dozen times.
  void expect(const std::map<std::string, Variable<double>>& computed, double value_tolerance = 1e-13) {
    CHECK(computed.size() == outputs_.size());
    Variable<double> loss(0.0);
    for (const auto& [name, y] : computed) {
      CAPTURE(name);
      CHECK(distance(list(y), outputs_.at(name).values) < value_tolerance);
      loss = loss + sum(y * tests::values(y.shape(), weights_.at(name).values).detach());
    }
    loss.backward();
    for (const auto& [name, golden] : gradients_) {
      CAPTURE(name);
      const std::vector<double> g = gradient_list(inputs_.at(name));
      double largest = 0, worst = 0;
      for (std::size_t i = 0; i < g.size(); ++i) {
        largest = std::max(largest, std::abs(golden.values[i]));
        worst = std::max(worst, std::abs(g[i] - golden.values[i]));
      }
      CHECK(g.size() == golden.values.size());
      CHECK(worst <= 1e-11 * largest);
    }
  }

 private:
  std::map<std::string, Variable<double>> inputs_;
  Arrays outputs_, weights_, gradients_;
};

}  // namespace unroll::tests
