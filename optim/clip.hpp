#pragma once
/// \file Limits on gradients, between backward() and the optimiser's step.

#include "unroll/optim/parameter_list.hpp"

namespace unroll {

struct ClipOptions {
  bool error_if_nonfinite = false;  ///< throw, before anything is changed, where the norm is NaN or infinite
};

/// What:   g *= min(1, max_norm / (total + 1e-6)) for every gradient, total = ‖all of them together‖₂.
/// Returns total, before clipping. Parameters without a gradient are left out; one listed twice counts once.
/// No square overflows or is lost: gradients may be of any size. NaN spreads to all; an infinite gradient
/// becomes NaN and the others 0, unless max_norm is infinite.
/// Units:  max_norm ≥ 0; infinity only measures, and changes nothing.
/// Errors: UsageError for another max_norm, a parameter that is no leaf, or as ClipOptions say.
/// Source: PyTorch's clip_grad_norm_; Pascanu et al. 2013.
template <class T>
double clip_grad_norm(const std::vector<Variable<T>>& parameters, double max_norm,
                      const ClipOptions& options = {});
/// The same for parameters(model) and the like.
template <ParameterList R>
double clip_grad_norm(const R& parameters, double max_norm, const ClipOptions& options = {}) {
  return clip_grad_norm(variables(parameters), max_norm, options);
}

/// Refuses a module.
template <detail::NotAList M>
double clip_grad_norm(const M&, double, const ClipOptions& = {}) {
  return detail::refuse_module<M>(), 0;
}

/// What:   every element of every gradient is brought into [−limit, limit]; NaN stays NaN.
/// Errors: UsageError for a limit that is negative or NaN, or a parameter that is no leaf.
template <class T>
void clip_grad_value(const std::vector<Variable<T>>& parameters, double limit);
/// The same for parameters(model) and the like.
template <ParameterList R>
void clip_grad_value(const R& parameters, double limit) {
  clip_grad_value(variables(parameters), limit);
}
/// Refuses a module.
template <detail::NotAList M>
void clip_grad_value(const M&, double) {
  detail::refuse_module<M>();
}

}  // namespace unroll
