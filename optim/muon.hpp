#pragma once
/// \file Muon: momentum made orthogonal, for matrices.

#include <functional>
#include <type_traits>

#include "unroll/optim/optimizer.hpp"

namespace unroll {

/// How large Muon's step is, as a factor on the learning rate.
enum class MuonScale {
  original,         ///< √max(1, rows / columns), as Jordan 2024 has it
  match_rms_adamw,  ///< 0.2 √max(rows, columns): steps as large as AdamW's, so that both may have one rate
};

struct MuonOptions {
  double lr = 1e-3;                           ///< the learning rate; with the original scale 0.02 is usual
  double weight_decay = 0.1;                  ///< wd
  double momentum = 0.95;                     ///< μ
  bool nesterov = true;                       ///< orthogonalises (1 − μ) g + μ b instead of b
  double eps = 1e-7;                          ///< the least that a matrix is divided by
  int ns_steps = 5;                           ///< of the Newton–Schulz iteration
  MuonScale adjust_lr = MuonScale::original;  ///< the factor on the rate of a matrix
  bool adamw = false;                         ///< the group is updated by AdamW, which takes every parameter
  double beta1 = 0.9, beta2 = 0.999, adamw_eps = 1e-8;  ///< AdamW's own

  static constexpr const char* rule = "muon";
  /// Errors: UsageError naming the option that is out of range.
  void check_options() const;
  /// Errors: UsageError for a parameter that is no matrix, unless AdamW takes it.
  void check_parameter(const Shape& shape, const std::string& name) const;
};

/// Muon: each matrix takes steps whose singular values are all about 1.
/// What:   b = μ b + (1 − μ) g;  d = (1 − μ) g + μ b with Nesterov, else b;
///         X = d / max(‖d‖, eps), then ns_steps times A = X Xᵀ, X = a X + (b A + c A²) X with
///         (a, b, c) = (3.4445, −4.775, 2.0315), on the transpose where there are more rows than columns;
///         θ *= 1 − lr wd;  θ −= lr scale X.
/// The iteration brings singular values near 1, to between 0.7 and 1.2, unless they are far below ‖d‖.
/// Meant for the matrices inside of a network; embeddings, outputs, biases and gains are left to AdamW:
///
///     Muon muon(matrices, {.lr = 0.02});
///     muon.add_group(others, {.lr = 3e-4, .weight_decay = 0.01, .adamw = true});
///
/// Errors: also UsageError for a parameter that is no matrix in a group without `adamw`, naming it.
/// Cost:   two products of rows × rows × columns and one of rows³ for each of the ns_steps, rows ≤ columns.
/// Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the scale
///         match_rms_adamw after Liu et al. 2025, "Muon is scalable for LLM training".
/// State:  step, momentum_buffer; with adamw as AdamW's.
template <class T = float>
class Muon final : public OptimizerRule<T, MuonOptions> {
 public:
  using OptimizerRule<T, MuonOptions>::OptimizerRule;

 protected:
  void update(const typename Optimizer<T>::Update& u) override;
  typename Optimizer<T>::ArrayNames array_names(std::size_t group) const override;
};
template <ParameterList R>
Muon(const R&, const MuonOptions& = {}) -> Muon<detail::parameter_type<R>>;
template <detail::NotAList M>
Muon(const M&, const MuonOptions& = {}) -> Muon<float>;

namespace detail {
template <class T>
Muon<T> muon_in_two(const std::vector<Variable<T>>& parameters, const MuonOptions& options,
                    const std::function<bool(const Variable<T>&)>& is_inner);

template <class R>
using MatrixChoice = std::type_identity_t<std::function<bool(const Variable<parameter_type<R>>&)>>;

/// The Newton–Schulz iteration on d.
/// Shapes: d (M, N) → (M, N).
template <class T>
Variable<T> orthogonalised(const Variable<T>& d, int steps, double eps);
}  // namespace detail

/// What:   Muon for the matrices of a list and AdamW for the others, in two groups with the same rate, in this order;
///         a group without parameters is left out. Where `is_inner` is given, Muon takes only the matrices for which it
///         holds: an embedding and an output are matrices, and better left to AdamW.
template <ParameterList R>
Muon<detail::parameter_type<R>> muon_with_adamw(const R& parameters, const MuonOptions& options = {},
                                                const detail::MatrixChoice<R>& is_inner = {}) {
  return detail::muon_in_two<detail::parameter_type<R>>(variables(parameters), options, is_inner);
}
/// Refuses a module.
template <detail::NotAList M>
Muon<float> muon_with_adamw(const M&, const MuonOptions& = {}) {
  return detail::refuse_module<M>(), Muon<float>(std::vector<Variable<float>>{});
}

extern template class Muon<float>;
extern template class Muon<double>;

}  // namespace unroll
