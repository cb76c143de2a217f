#pragma once
/// \file The layer of root mean square normalisation.

#include <optional>

#include "unroll/autograd/normalise.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"
#include "unroll/detail/layers/base/checks.hpp"

namespace unroll {

struct RMSNormOptions {
  std::optional<double> eps =
      {};              ///< added to the mean square; if not given, the distance of 1 and the next T
  bool affine = true;  ///< with γ
};

/// What:   γ x / √(mean x² + eps) over the last axis.
/// Shapes: x (…, N) → the same; weight γ (N,), or empty.
/// Init:   γ = 1.
/// Errors: ShapeError for N < 1; UsageError for a layer that is empty; and as rms_norm().
template <class T = float>
class RMSNorm {
 public:
  using value_type = T;
  Variable<T> weight;

  RMSNorm() = default;
  explicit RMSNorm(index_t size, const RMSNormOptions& options = {}) : size_(size), eps_(options.eps) {
    if (size < 1) raise<ShapeError>("rms_norm: need at least 1 feature; got {}", size);
    if (eps_ && !(*eps_ >= 0)) raise<UsageError>("rms_norm: eps must be at least 0; got {}", *eps_);
    if (options.affine) weight = Variable<T>({size}, T{1}).requires_grad(true);
  }

  Variable<T> operator()(const Variable<T>& x) const {
    if (size_ == 0) detail::fail_empty_layer("rms_norm");
    if (!x) detail::fail_empty("rms_norm", 0);
    if (x.rank() < 1 || x.shape().back(0) != size_) {
      raise<ShapeError>("rms_norm: need x (…, {}); got {}", size_, x.shape().str());
    }
    return rms_norm(x, weight, eps_);
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
  }

 private:
  index_t size_ = 0;
  std::optional<double> eps_;
};

}  // namespace unroll
