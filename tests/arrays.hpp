#pragma once
/// \file Small helpers of the tests: random arrays, plain values.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll::tests {

/// SplitMix64: the same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(bits() >> 11) * 0x1p-53;
  }
  /// 0 … n − 1
  index_t below(index_t n) { return static_cast<index_t>(bits() % static_cast<std::uint64_t>(n)); }

 private:
  std::uint64_t state_;
};

/// A parameter with elements uniform in [low, high).
template <class T = double>
Variable<T> random_parameter(const Shape& shape, std::uint64_t seed, double low = -1, double high = 1) {
  Random random(seed);
  auto v = Variable<T>::uninitialised(shape);
  std::generate_n(v.mutable_data(), v.size(), [&] { return static_cast<T>(random.uniform(low, high)); });
  v.requires_grad(true);
  return v;
}

/// A parameter with the given elements.
template <class T = double>
Variable<T> values(const Shape& shape, const std::vector<double>& elements) {
  auto v = Variable<T>::uninitialised(shape);
  std::transform(elements.begin(), elements.end(), v.mutable_data(),
                 [](double x) { return static_cast<T>(x); });
  v.requires_grad(true);
  return v;
}
template <class T = double>
Variable<T> row(const std::vector<double>& elements) {
  return values<T>({static_cast<index_t>(elements.size())}, elements);
}

template <class T>
std::vector<double> list(const Variable<T>& x) {
  const auto v = x.value();
  return {v.begin(), v.end()};
}
template <class T>
std::vector<double> gradient_list(const Variable<T>& x) {
  const auto v = x.grad();
  return {v.begin(), v.end()};
}

/// The largest difference, relative to max(1, |b|); infinite where sizes differ or only one is NaN.
inline double distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double d = std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i]));
    worst = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(worst, d);
  }
  return worst;
}

/// The message of the E that f throws; "nothing thrown" otherwise.
template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace unroll::tests
