#pragma once
/// \file Ops of one's own, given by their value and their gradient in xtensor's terms.

#include <tuple>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {

/// The read-only arrays that the functions of a custom op are given.
template <class T>
using ArrayView = decltype(detail::adapt_dense(std::declval<const T*>(), std::declval<const Shape&>()));

namespace detail {

/// Stands for the function that was not given.
struct NoFunction {};

template <class T, class Forward, class Backward, class AsOps>
struct CustomDefinition {
  std::string name;
  Forward forward;
  Backward backward;
  AsOps as_ops;
};

/// One result or a tuple of them, as a tuple.
template <class X>
auto as_tuple(X&& x) {
  if constexpr (requires { std::tuple_size<std::decay_t<X>>::value; } && !XtExpression<X>) {
    return std::forward<X>(x);
  } else {
    return std::tuple<std::decay_t<X>>(std::forward<X>(x));
  }
}

template <class T, std::size_t Inputs, class Definition>
class CustomNode final : public Node<T> {
 public:
  explicit CustomNode(std::shared_ptr<const Definition> definition) : definition_(std::move(definition)) {}

  void backward() override {
    const T* grad = this->output_grad();
    if (!grad) return;
    const Tensor<T>& out = *this->output();
    [&]<std::size_t... K>(std::index_sequence<K...>) {
      const auto dy = adapt_dense(grad, out.shape), y = adapt_dense<const T*>(out.data, out.shape);
      const auto xs = std::tuple(adapt_dense<const T*>(this->input(K).data, this->input(K).shape)...);
      const auto dxs = as_tuple(definition_->backward(dy, y, std::get<K>(xs)...));
      static_assert(std::tuple_size_v<std::decay_t<decltype(dxs)>> == Inputs,
                    "the backward function of a custom op returns one gradient for each input");
      (check_shape(K, std::get<K>(dxs)), ...);
      (write(K, std::get<K>(dxs)), ...);
    }
    (std::make_index_sequence<Inputs>{});
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    if constexpr (std::is_same_v<decltype(Definition::as_ops), NoFunction>) {
      return Node<T>::record_backward(dy);
    } else {
      return [&]<std::size_t... K>(std::index_sequence<K...>) {
        const Variable<T> y(TensorRef<T>(this->output()));
        const auto dxs =
            as_tuple(definition_->as_ops(dy[0], y, Variable<T>(TensorRef<T>(&this->input(K)))...));
        return std::vector{Variable<T>(std::get<K>(dxs))...};
      }
      (std::make_index_sequence<Inputs>{});
    }
  }

  std::string name() const override { return definition_->name; }

 private:
  template <class E>
  void check_shape(std::size_t k, const E& dx) const {
    const Shape shape(dx.shape().begin(), dx.shape().end());
    if (shape == this->input(k).shape) return;
    raise<ShapeError>("{}: backward must give a gradient {} for input {}; got {}", name(),
                      this->input(k).shape.str(), k + 1, shape.str());
  }
  template <class E>
  void write(std::size_t k, const E& dx) {
    if (!this->wants(k)) return;
    const GradSlot<T> g = open_grad(this->input(k));
    auto to = adapt_dense(g.data, this->input(k).shape);
    if (g.add) {
      xt::noalias(to) += xt::cast<T>(dx);
    } else {
      xt::noalias(to) = xt::cast<T>(dx);
    }
  }

  std::shared_ptr<const Definition> definition_;
};

}  // namespace detail

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

/// What:   an op given by two functions over xtensor arrays (ArrayView<T>):
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
