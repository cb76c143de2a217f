#pragma once
/// \file The linear layer.

#include "unroll/autograd/linear.hpp"
#include "unroll/detail/layers/base/checks.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll {

struct LinearOptions {
  bool bias = true;  ///< with b
};

/// An affine map.
/// What:   y = x Wᵀ + b.
/// Shapes: x (…, I) → (…, O); weight (O, I), bias (O,) or empty.
/// Init:   U(−1/√I, 1/√I) for both, as PyTorch does.
/// Errors: ShapeError for sizes below 1; UsageError for a layer that is empty; and as linear().
template <class T = float>
class Linear {
 public:
  using value_type = T;
  Variable<T> weight, bias;

  Linear() = default;
  Linear(index_t inputs, index_t outputs, const LinearOptions& options = {},
         Generator& rng = default_generator());

  Variable<T> operator()(const Variable<T>& x) const {
    if (!weight) detail::fail_empty_layer("linear layer");
    return linear(x, weight, bias);
  }
  /// Refuses an x of the other number type.
  template <class U>
  requires detail::Mixed<Variable<T>, Variable<U>> Variable<T>
  operator()(const Variable<U>&) const {
    detail::refuse_mixed<Variable<T>, Variable<U>>();
    return {};
  }

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
    v("bias", bias);
  }
};

extern template class Linear<float>;
extern template class Linear<double>;

}  // namespace unroll
