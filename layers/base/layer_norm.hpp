#pragma once
/// \file The layer of layer normalisation.

#include "unroll/autograd/normalise.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"
#include "unroll/detail/layers/base/checks.hpp"

namespace unroll {

struct LayerNormOptions {
  double eps = 1e-5;   ///< added to the variance
  bool affine = true;  ///< with γ and β
};

/// What:   γ (x − μ) / √(σ² + eps) + β over the last axis; σ² is the biased variance.
/// Shapes: x (…, N) → the same; weight γ and bias β (N,), or empty.
/// Init:   γ = 1, β = 0.
/// Errors: ShapeError for N < 1; UsageError for a layer that is empty; and as layer_norm().
template <class T = float>
class LayerNorm {
 public:
  using value_type = T;
  Variable<T> weight, bias;

  LayerNorm() = default;
  explicit LayerNorm(index_t size, const LayerNormOptions& options = {}) : size_(size), eps_(options.eps) {
    if (size < 1) raise<ShapeError>("layer_norm: need at least 1 feature; got {}", size);
    if (!(eps_ >= 0)) raise<UsageError>("layer_norm: eps must be at least 0; got {}", eps_);
    if (!options.affine) return;
    weight = Variable<T>({size}, T{1}).requires_grad(true);
    bias = Variable<T>({size}, T{0}).requires_grad(true);
  }

  Variable<T> operator()(const Variable<T>& x) const {
    if (size_ == 0) detail::fail_empty_layer("layer_norm");
    if (!x) detail::fail_empty("layer_norm", 0);
    if (x.rank() < 1 || x.shape().back(0) != size_) {
      raise<ShapeError>("layer_norm: need x (…, {}); got {}", size_, x.shape().str());
    }
    return layer_norm(x, weight, bias, eps_);
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

 private:
  index_t size_ = 0;
  double eps_ = 1e-5;
};

}  // namespace unroll
