#pragma once
/// \file The layer of group normalisation.

#include "unroll/autograd/normalise.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"
#include "unroll/detail/layers/base/checks.hpp"

namespace unroll {

struct GroupNormOptions {
  double eps = 1e-5;   ///< added to the variances
  bool affine = true;  ///< with γ and β
};

/// What:   layer normalisation of each of `groups` equal parts of the last axis by itself, then γ and β.
/// Shapes: x (…, C) → the same; weight γ and bias β (C,), or empty.
/// Range:  groups divides C.
/// Init:   γ = 1, β = 0.
/// Errors: ShapeError for C < 1 and for groups; UsageError for a layer that is empty; and as group_norm().
template <class T = float>
class GroupNorm {
 public:
  using value_type = T;
  Variable<T> weight, bias;

  GroupNorm() = default;
  /// The order of the arguments is PyTorch's.
  GroupNorm(index_t groups, index_t channels, const GroupNormOptions& options = {})
      : groups_(groups), channels_(channels), eps_(options.eps) {
    if (channels < 1 || groups < 1 || channels % groups != 0)
      raise<ShapeError>(
          "group_norm: need a number of channels that the groups divide; got {} channels, {} groups",
          channels, groups);
    if (!(eps_ >= 0)) raise<UsageError>("group_norm: eps must be at least 0; got {}", eps_);
    if (!options.affine) return;
    weight = Variable<T>({channels}, T{1}).requires_grad(true);
    bias = Variable<T>({channels}, T{0}).requires_grad(true);
  }

  Variable<T> operator()(const Variable<T>& x) const {
    if (channels_ == 0) detail::fail_empty_layer("group_norm");
    if (!x) detail::fail_empty("group_norm", 0);
    if (x.rank() < 1 || x.shape().back(0) != channels_) {
      raise<ShapeError>("group_norm: need x (…, {}); got {}", channels_, x.shape().str());
    }
    return group_norm(x, groups_, weight, bias, eps_);
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
  index_t groups_ = 1, channels_ = 0;
  double eps_ = 1e-5;
};

}  // namespace unroll
