#pragma once
/// \file Fused expressions: operators and functions on Variables build a tree; making a Variable of it is
/// one node, one SIMD loop forward and one backward that recomputes the intermediates in registers.
///
///     Variable c2 = sigmoid(f) * c + sigmoid(i) * tanh(g);
///     auto [c2, h2] = fuse([](auto i, auto f, auto g, auto o, auto c) { … }, i, f, g, o, c);

#include "unroll/detail/autograd/fused/expression.hpp"

namespace unroll {

/// What: one fused node from a lambda over scalars, with one or several outputs.
///   `Variable y = fuse([](auto a, auto b) { return tanh(a) * b; }, x, w);`
///   `auto [c2, h2] = fuse([](auto…) { …; return std::tuple(c, h); }, …);`
/// Shapes: all arguments broadcast to one shape, which every output gets.
/// Limits: 64 arguments and 16 outputs, checked when it is compiled.
/// The lambda is called with stand-ins for the arguments, which tell what it computes; numbers that it
/// captures are read at that moment. It must not capture Variables, which the compiler refuses.
template <class F, class... X>
requires detail::Operands<X...>
auto fuse(F&& f, X&&... x) {
  using T = typename detail::element_type<X...>::type;
  if constexpr (!detail::one_type<T, X...>) {
    detail::refuse_mixed_operands<T>();
    return Variable<T>();
  } else {
    const std::array<Variable<T>, sizeof...(X)> arguments{[&] {
      if constexpr (detail::Number<X>) {
        return Variable<T>(static_cast<T>(x));
      } else {
        return Variable<T>(std::forward<X>(x));
      }
    }()...};
    std::array<detail::Tensor<T>*, sizeof...(X)> inputs;
    Shape shape;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      inputs[k] = arguments[k].tensor();
      if (!inputs[k]) detail::fail_empty("fuse", k);
      shape = k == 0 ? inputs[k]->shape : broadcast("fuse", shape, inputs[k]->shape);
    }
    auto traced = detail::trace_lambda<T>(std::forward<F>(f), std::index_sequence_for<X...>{});
    const auto run = [&](const auto&... e) {
      return detail::run_lambda<T>(inputs, shape, detail::as_result<T>(e)...);
    };
    if constexpr (detail::is_tuple<decltype(traced)>::value) {
      return std::apply(run, traced);
    } else {
      return run(traced)[0];
    }
  }
}

}  // namespace unroll
