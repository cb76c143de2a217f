#pragma once
/// \file A module run with other weights.

#include "unroll/layers/module.hpp"

namespace unroll {

namespace detail {
template <class T>
void replace_parameters(const Members<T>& members, const std::vector<Variable<T>>& weights);
}

/// What:   f(copy), `copy` being the module with `weights` in place of its parameters, in the order of
///         parameters(module). The weights may be results of ops: gradients flow to them and to what they
///         were computed from, as a hypernetwork and MAML need. The module keeps its own.
///
///             std::vector<V> adapted;  // one step of gradient descent that can be differentiated
///             for (std::size_t k = 0; k < w.size(); ++k) adapted.push_back(w[k] - 0.1 * g[k]);
///             V loss = functional(model, adapted, [&](const auto& m) { return mse(m(x), y); });
///
/// Shapes: each weight as the parameter that it stands for. What is tied stays tied. Buffers are shared with
///         the module; the copy counts calls and draws random numbers for itself.
/// Errors: UsageError for another number of weights, or an empty one; ShapeError naming the parameter.
template <Module M, class F>
auto functional(const M& module, const std::vector<Variable<detail::module_number<M>>>& weights, F&& f) {
  M copy = module;
  detail::replace_parameters(detail::members(copy), weights);
  return f(std::as_const(copy));
}

}  // namespace unroll
