#pragma once
/// \file Ops of one's own, given by their value and their gradient in xtensor's terms.

#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/custom_node.hpp"

namespace unroll {

/// The read-only arrays that the functions of a custom op are given.
template <class T>
using DenseArrayView = decltype(detail::adapt_dense(std::declval<const T*>(), std::declval<const Shape&>()));

/// An op made by custom_op. Copies share its functions.
/// Thread rule: usable by several threads at once if its functions are.
template <class T, class Definition>
class CustomOp {
 public:
  /// From its functions; see custom_op.
  explicit CustomOp(Definition definition)
      : definition_(std::make_shared<const Definition>(std::move(definition))) {}

  /// The op on Variables or expressions.
  template <class... X>
  Variable<T> operator()(X&&... arguments) const {
    constexpr std::size_t n = sizeof...(X);
    static_assert(n > 0, "a custom op has at least one input");
    std::array<Variable<T>, n> xs{Variable<T>(std::forward<X>(arguments))...};
    std::array<detail::Tensor<T>*, n> inputs;
    for (std::size_t k = 0; k < n; ++k) {
      if (!xs[k]) detail::fail_empty(definition_->name, k);
      xs[k] = dense(xs[k]);
      inputs[k] = xs[k].tensor();
    }
    const bool recorded = detail::begin_op<T>(definition_->name, inputs);
    const auto views = [&]<std::size_t... K>(std::index_sequence<K...>) {
      return std::tuple(detail::adapt_dense<const T*>(xs[K].data(), xs[K].shape())...);
    }
    (std::make_index_sequence<n>{});
    const auto y = std::apply(definition_->forward, views);
    const auto out = detail::Tape<T>::local().allocate_output(Shape(y.shape().begin(), y.shape().end()));
    auto to = detail::adapt_dense(out->data, out->shape);
    xt::noalias(to) = xt::cast<T>(y);
    return detail::finish_op<detail::CustomNode<T, n, Definition>>(recorded, inputs, out, definition_);
  }

 private:
  std::shared_ptr<const Definition> definition_;
};

/// What:   an op given by two functions over xtensor arrays (DenseArrayView<T>):
///
///     const auto softsign = custom_op<float>("softsign",
///         [](const auto& x) { return x / (1 + xt::abs(x)); },
///         [](const auto& dy, const auto& y, const auto&) { return dy * xt::square(1 - xt::abs(y)); });
///     Variable y = softsign(x);
///
///         forward(x…) gives the value. backward(dy, y, x…) gives the gradient of the input, or a std::tuple
///         with one for each; dy is the gradient of y. Both must have no side effects.
///         For higher derivatives give as_ops(dy, y, x…) too: the same as backward, over Variables.
/// Errors: ShapeError, during backward, where a gradient does not have its input's shape; grad with
///         create_graph throws UsageError without as_ops. What the functions throw passes through.
/// Lifetime: a function may return an expression of its arguments, but not one of its own local variables,
///         which it would refer to: return an xt::xarray<T> then.
template <class T, class Forward, class Backward, class AsOps = detail::NoFunction>
auto custom_op(std::string name, Forward forward, Backward backward, AsOps as_ops = {}) {
  using Definition = detail::CustomDefinition<T, Forward, Backward, AsOps>;
  return CustomOp<T, Definition>(
      Definition{std::move(name), std::move(forward), std::move(backward), std::move(as_ops)});
}

}  // namespace unroll
