#pragma once
/// \file How golden arrays are kept, and the comparison of a computation with them.

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/reduce.hpp"

namespace unroll::tests {

struct GoldenArray {
  std::vector<index_t> shape;
  std::vector<double> values;
};
using GoldenArrays = std::map<std::string, GoldenArray>;
using Named = std::map<std::string, Variable<double>>;

/// An array as a parameter.
inline Variable<double> variable(const GoldenArray& a) {
  return values(Shape(a.shape.begin(), a.shape.end()), a.values);
}
/// An array of whole numbers.
inline Indices indices(const GoldenArray& a) {
  return {Shape(a.shape.begin(), a.shape.end()), std::vector<std::int64_t>(a.values.begin(), a.values.end())};
}

/// What run makes of the arrays "in …" equals those "out …", and the gradients of Σ w · out equal "grad …". What run
/// leaves out is not compared, but then no gradient is, either.
template <class F>
void equals_golden(const GoldenArrays& golden, F&& run) {
  Named in;
  for (const auto& [key, array] : golden)
    if (key.starts_with("in ")) in[key.substr(3)] = variable(array);
  const Named out = run(std::as_const(in));
  Variable<double> loss(0.0);
  bool complete = true;
  for (const auto& [key, array] : golden) {
    if (!key.starts_with("out ")) continue;
    const std::string name = key.substr(4);
    complete = complete && out.contains(name);
    if (!complete) continue;
    CAPTURE(key);
    // Some dozen roundings of numbers of order 1, in another order.
    CHECK(distance(list(out.at(name)), array.values) < 1e-13);
    loss = loss + sum(out.at(name) * variable(golden.at("w " + name)).detach());
  }
  if (!complete) return;
  loss.backward();
  for (const auto& [name, x] : in) {
    CAPTURE(name);
    const std::vector<double> mine = gradient_list(x), theirs = golden.at("grad " + name).values;
    REQUIRE(mine.size() == theirs.size());
    double largest = 1e-300, worst = 0;
    for (std::size_t k = 0; k < mine.size(); ++k) {
      largest = std::max(largest, std::abs(theirs[k]));
      worst = std::max(worst, std::abs(mine[k] - theirs[k]));
    }
    CHECK(worst < 1e-11 * largest);  // sums of some hundred terms, relative to the largest of the array
  }
}

}  // namespace unroll::tests
