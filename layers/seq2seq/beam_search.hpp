#pragma once
/// \file Beam search.

#include "unroll/layers/decoding.hpp"

namespace unroll {

/// How a hypothesis of n symbols (the end symbol counts) is ranked: by ln p / lp(n).
enum class LengthPenalty {
  power,  ///< lp(n) = n^α
  wu      ///< lp(n) = ((5 + n) / 6)^α, Wu et al. 2016, equation 14
};

struct BeamOptions {
  index_t beam = 5;                              ///< hypotheses that are followed at a time
  index_t best = 1;                              ///< how many hypotheses to return, at most `beam`
  LengthPenalty penalty = LengthPenalty::power;  ///< lp
  double alpha = 0;                              ///< α ≥ 0; 0 ranks by probability
};

namespace detail {
template <class T>
std::vector<std::vector<Hypothesis>> search(const AnyModel<T>& model, std::vector<Variable<T>> state,
                                            const DecodingOptions& options, const BeamOptions& beam);
}  // namespace detail

/// What:   for each row of `state` the best hypotheses, best first. Of all continuations of the hypotheses of
///         a sequence those with the highest ln p go on, as many as there is room for in the beam; one that
///         ends keeps its place. A sequence is done when its beam is full, or when none that lives can come
///         into the `best` any more. Equal ones: the earlier hypothesis, then the lower symbol. With beam = 1
///         it is greedy().
/// Errors: as greedy(); UsageError for beam options out of range.
/// Cost:   one step for each length, of all living hypotheses of all sequences at once.
/// Source: Sutskever, Vinyals, Le 2014.
template <class Step, class S>
std::vector<std::vector<Hypothesis>> beam_search(const Step& step, const S& state,
                                                 const DecodingOptions& options,
                                                 const BeamOptions& beam = {}) {
  return detail::search<detail::state_number<S>>(detail::any_model(step, state), detail::members_of(state),
                                                 options, beam);
}

}  // namespace unroll
