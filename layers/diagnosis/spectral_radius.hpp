#pragma once
/// \file The spectral radius of recurrent weights: below 1 a linear recurrence forgets, above 1 it explodes.

#include "unroll/layers/module.hpp"

namespace unroll {

/// What:   ρ(A) = max |λ| over the eigenvalues λ of a square matrix, complex ones included; NaN where A has
///         elements that are not finite.
/// Shapes: a (N, N).
/// Units:  right to about ε ‖A‖ times the condition of λ, with ε = 2.2e-16. Where A is defective, no algorithm
///         does better than ε^(1/k) for a Jordan block of size k, such as 6e-6 for k = 3: that is how far λ
///         moves when A is rounded. Triangular matrices are exact.
/// Errors: ShapeError; UsageError where the iteration does not converge, which is not known to happen.
/// Cost:   about 10 N³ operations.
/// Source: LAPACK's dgeev: the QR algorithm on the balanced matrix.
template <class T>
double spectral_radius(const Variable<T>& a);

/// The spectral radius of a parameter.
struct SpectralRadius {
  std::string name;   ///< of the parameter
  index_t block = 0;  ///< number of the gate whose rows these are, in the cell's order
  double radius = 0;  ///< the largest |λ|
};

namespace detail {
template <class T>
std::vector<SpectralRadius> spectral_radii(const std::vector<NamedParameter<T>>& weights);
/// weight_hh, weight_rh, weight_hh_l0, …
bool is_recurrent_weight(std::string_view name);
}  // namespace detail

/// What:   the spectral radius of every square block (H, H) of the recurrent weights (G·H, H) of a module;
///         of the parameters called weight_hh… and weight_rh…, as in PyTorch, or of those that `which`
///         accepts. Weights without square blocks (projections, fed-back outputs) are left out.
template <Module M>
std::vector<SpectralRadius> spectral_radii(const M& module) {
  return detail::spectral_radii(parameters(module, detail::is_recurrent_weight));
}
/// The same of the parameters whose names fulfil `which`.
template <Module M, std::predicate<std::string_view> F>
std::vector<SpectralRadius> spectral_radii(const M& module, F&& which) {
  return detail::spectral_radii(parameters(module, std::forward<F>(which)));
}

}  // namespace unroll
