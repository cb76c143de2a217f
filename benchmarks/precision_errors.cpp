// How far gradients by products in bfloat16 and in float32 are from those in double: an LSTM of 256 over 100 steps.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/command_line.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/precision.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/lstm.hpp"

namespace {

using namespace unroll;

struct Setting {
  index_t hidden = 256, time = 100, batch = 32;
  double scale = 1;  ///< of the weights
};

/// Numbers in [-1, 1) that depend on their place alone, the same in float and double.
double number_at(index_t i, double shift) { return std::sin(static_cast<double>(i) * 12.9898 + shift); }

/// The gradients of all parameters and of the input, one after another; the loss weighs the outputs by numbers in [-1, 1).
template <class T>
std::vector<std::vector<double>> gradients_of(const Setting& s) {
  Generator rng(1);
  Lstm<T> lstm(s.hidden, s.hidden, {}, rng);
  index_t place = 0;
  const double bound = s.scale / std::sqrt(static_cast<double>(s.hidden));
  for (const auto& p : parameters(lstm)) {
    Variable<T> v = p.variable;
    v.update([&](auto& values) {
      for (auto& x : values) x = static_cast<T>(static_cast<float>(bound * number_at(place++, 0.5)));
    });
  }
  const auto filled = [&](double shift) {
    auto x = Variable<T>::uninitialised({s.time, s.batch, s.hidden});
    for (index_t i = 0; i < x.size(); ++i)
      x.mutable_data()[i] = static_cast<T>(static_cast<float>(number_at(i, shift)));
    return x;
  };
  Variable<T> x = filled(0.25);
  x.requires_grad(true);
  sum(lstm(x).output * filled(0.75)).backward();
  std::vector<std::vector<double>> all;
  const auto take = [&](const Variable<T>& v) {
    const auto g = v.grad();
    all.emplace_back(g.begin(), g.end());
  };
  take(x);
  for (const auto& p : parameters(lstm)) take(p.variable);
  return all;
}

/// Root of the mean square of the differences, over that of the right numbers: of all arrays, and the largest of any array.
struct RelativeError {
  double all = 0, largest = 0;
};
RelativeError error_of(const std::vector<std::vector<double>>& got,
                       const std::vector<std::vector<double>>& right) {
  RelativeError error;
  double differences = 0, squares = 0;
  for (std::size_t k = 0; k < got.size(); ++k) {
    double d = 0, s = 0;
    for (std::size_t i = 0; i < got[k].size(); ++i) {
      d += (got[k][i] - right[k][i]) * (got[k][i] - right[k][i]);
      s += right[k][i] * right[k][i];
    }
    differences += d, squares += s;
    error.largest = std::max(error.largest, std::sqrt(d / s));
  }
  error.all = std::sqrt(differences / squares);
  return error;
}

}  // namespace

int main(int argc, char** argv) {
  program::CommandLine line("Gradients with products in bfloat16, beside those of float and of double");
  if (const auto status = line.read(argc, argv)) return *status;
  fmt::print(
      "gradients of an LSTM 256, T 100, B 32: relative error, rms over all and the largest of any array\n");
  fmt::print("{:<10} {:>24} {:>24} {:>24}\n", "weights", "float32 / double", "bfloat16 / double",
             "bfloat16 / float32");
  for (const double scale : {1.0, 3.0}) {
    const Setting setting{.scale = scale};
    const auto right = gradients_of<double>(setting), single = gradients_of<float>(setting);
    const MatmulPrecision scope(Precision::bfloat16);
    const auto half = gradients_of<float>(setting);
    fmt::print("{:<10}", fmt::format("times {}", scale));
    for (const RelativeError& e : {error_of(single, right), error_of(half, right), error_of(half, single)})
      fmt::print(" {:>12.2e} {:>11.2e}", e.all, e.largest);
    fmt::print("\n");
  }
}
