#pragma once  // internal
/// \file The node of a custom op.

#include <tuple>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {

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
      const auto dy = adapt_dense<const T*>(grad, out.shape), y = adapt_dense<const T*>(out.data, out.shape);
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
}  // namespace unroll
