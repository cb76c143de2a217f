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

struct Identity {
  auto operator()(const auto& x) const { return x; }
};
struct Tanh {
  auto operator()(const auto& x) const { return tanh(x); }
};
struct Sigmoid {
  auto operator()(const auto& x) const { return sigmoid(x); }
};
struct Relu {
  auto operator()(const auto& x) const { return relu(x); }
};
struct LeakyRelu {
  double slope = 0.01;
  auto operator()(const auto& x) const { return leaky_relu(x, slope); }
};

}  // namespace unroll
