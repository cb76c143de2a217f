#pragma once
/// \file Derivatives of functions: products with the Jacobian from either side, the Jacobian itself, and
/// products with the Hessian.
///
/// Each takes a function of a std::vector<Variable<T>> that returns one Variable, an expression, or a vector
/// or array of Variables; or, more shortly, a function of one Variable, with one Variable for each further
/// argument. Inputs that require a gradient are handed to the function themselves, so that it may also read
/// them as captured handles (the parameters of a module, say); the others are replaced by leaves of equal
/// value. Stored gradients are neither read nor changed.

#include "unroll/detail/autograd/tools/vector_function.hpp"

namespace unroll {

struct DerivativeOptions {
  /// Record the results, so that they can be differentiated again with respect to the inputs that require a
  /// gradient.
  bool create_graph = false;
};

/// The values of a function and their product with a derivative: `auto [y, g] = vjp(f, x, v);`.
template <class T>
struct Product {
  Variable<T> value, product;  ///< f(x), and the derivative's product
};
/// The same of functions with several values, or of several inputs.
template <class T>
struct Products {
  std::vector<Variable<T>> values, products;  ///< f(x), and the derivative's products
};

/// What:   y = f(x) and the vector–Jacobian product Σ_k v_k · ∂y_k/∂x_j for each input x_j: reverse mode.
/// Shapes: v_k as y_k; product j as x_j.
/// Errors: ShapeError and UsageError for seeds that do not fit; UsageError inside NoGrad, which hides f.
/// Cost:   one forward and one backward pass.
template <class F, class T>
Products<T> vjp(const F& f, const std::vector<Variable<T>>& x,
                const detail::Same<std::vector<Variable<T>>>& v, const DerivativeOptions& options = {}) {
  return detail::run_vjp(detail::VectorFunction<T>(f), x, v, options);
}
template <class F, class T>
Product<T> vjp(const F& f, const Variable<T>& x, const detail::Same<Variable<T>>& v,
               const DerivativeOptions& options = {}) {
  return detail::only("vjp", detail::run_vjp<T>(detail::unary_function<T>(f), {x}, {v}, options));
}

/// What:   y = f(x) and the Jacobian–vector product Σ_j ∂y_k/∂x_j · v_j for each output y_k: forward mode.
///         The vector–Jacobian product is linear in its seed; its derivative in the seed is this product,
///         exactly, from the same rules of the ops.
/// Shapes: v_j as x_j; product k as y_k.
/// Errors: as vjp; UsageError for an op that has no second derivative, such as a custom_op without as_ops.
/// Cost:   one forward, one recorded backward and one backward pass through that: the products of three
///         to four forward passes in a recurrent layer. Memory: the tapes of f and of its backward pass.
template <class F, class T>
Products<T> jvp(const F& f, const std::vector<Variable<T>>& x,
                const detail::Same<std::vector<Variable<T>>>& v, const DerivativeOptions& options = {}) {
  return detail::run_jvp(detail::VectorFunction<T>(f), x, v, options);
}
template <class F, class T>
Product<T> jvp(const F& f, const Variable<T>& x, const detail::Same<Variable<T>>& v,
               const DerivativeOptions& options = {}) {
  return detail::only("jvp", detail::run_jvp<T>(detail::unary_function<T>(f), {x}, {v}, options));
}

/// What:   y = f(x), a scalar, and the Hessian–vector product Σ_i ∂²y/∂x_j∂x_i · v_i for each input x_j.
/// Shapes: y of size 1; v_i and product i as x_i.
/// Errors: as jvp; UsageError where f has not one value of size 1.
/// Cost:   as jvp, but the products of four to seven forward passes; the Hessian itself is never formed.
/// Source: Pearlmutter 1994, here as the gradient of the product of the gradient with v.
template <class F, class T>
Products<T> hvp(const F& f, const std::vector<Variable<T>>& x,
                const detail::Same<std::vector<Variable<T>>>& v, const DerivativeOptions& options = {}) {
  return detail::run_hvp(detail::VectorFunction<T>(f), x, v, options);
}
template <class F, class T>
Product<T> hvp(const F& f, const Variable<T>& x, const detail::Same<Variable<T>>& v,
               const DerivativeOptions& options = {}) {
  return detail::only("hvp", detail::run_hvp<T>(detail::unary_function<T>(f), {x}, {v}, options));
}

/// What:   ∂y_k/∂x_j for each output y_k = f(x)_k (first index) and input x_j (second index).
/// Shapes: the extents of y_k followed by those of x_j, at most 5 together.
/// Errors: as vjp; ShapeError for a rank above 5.
/// Cost:   one forward pass, and one backward pass for each element of the outputs.
template <class F, class T>
std::vector<std::vector<Variable<T>>> jacobian(const F& f, const std::vector<Variable<T>>& x,
                                               const DerivativeOptions& options = {}) {
  return detail::run_jacobian(detail::VectorFunction<T>(f), x, options);
}
/// The same for one input and one output.
/// Errors: UsageError, too, where f has several values.
template <class F, class T>
Variable<T> jacobian(const F& f, const Variable<T>& x, const DerivativeOptions& options = {}) {
  auto all = detail::run_jacobian<T>(detail::unary_function<T>(f), {x}, options);
  if (all.size() != 1)
    raise<UsageError>("jacobian: need one output; got {}; give a vector of inputs", all.size());
  return all[0][0];
}

}  // namespace unroll
