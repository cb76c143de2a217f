#pragma once
/// \file Activations as types, for cells that take one: `Elman<double, Relu>`. A function or lambda from
/// Variable to Variable is as good.

#include "unroll/autograd/functions.hpp"

namespace unroll {

/// Anything that is called with a Variable and gives one, or an expression.
template <class F, class T>
concept Activation = std::invocable < const F&,
        const Variable<T>
& > &&std::convertible_to<std::invoke_result_t<const F&, const Variable<T>&>, Variable<T>>;

/// x.
struct Identity {
  auto operator()(const auto& x) const { return x; }
};
/// tanh x.
struct Tanh {
  auto operator()(const auto& x) const { return tanh(x); }
};
/// 1 / (1 + e⁻ˣ).
struct Sigmoid {
  auto operator()(const auto& x) const { return sigmoid(x); }
};
/// max(x, 0).
struct Relu {
  auto operator()(const auto& x) const { return relu(x); }
};
/// x where x > 0, else slope · x.
struct LeakyRelu {
  double slope = 0.01;  ///< for x < 0
  auto operator()(const auto& x) const { return leaky_relu(x, slope); }
};

}  // namespace unroll
