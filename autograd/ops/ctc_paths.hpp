#pragma once  // internal
/// \file The sums over paths that ctc_loss is made of, for one sequence.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "unroll/autograd/shape.hpp"
#include "unroll/detail/autograd/base/pool.hpp"

namespace unroll::detail {

/// One sequence: `steps` rows of log-probabilities, `stride` apart, and its symbols with a blank before, between and after
/// them.
template <class T>
struct CtcSequence {
  const T* log_probs;
  index_t stride, steps;
  const std::vector<std::int64_t>& symbols;

  index_t states() const { return std::ssize(symbols); }
  double at(index_t t, index_t s) const {
    return static_cast<double>(log_probs[t * stride + symbols[static_cast<std::size_t>(s)]]);
  }
  /// Whether a path may go from the symbol before to this one without the blank between them.
  bool skips(index_t s) const {
    const auto k = static_cast<std::size_t>(s);
    return s >= 2 && s < states() && s % 2 == 1 && symbols[k] != symbols[k - 2];
  }
};

inline constexpr double impossible = -std::numeric_limits<double>::infinity();

/// ln(eᵃ + eᵇ + eᶜ).
inline double log_sum(double a, double b, double c) {
  const double most = std::max(a, std::max(b, c));
  if (most == impossible) return a + b + c;  // or NaN
  return most + std::log(std::exp(a - most) + std::exp(b - most) + std::exp(c - most));
}

/// to[s] = ln of the probability of all beginnings of paths that are in state s after step t, from that before it.
template <class T>
void ctc_forward_step(const CtcSequence<T>& x, index_t t, const double* before, double* to) {
  for (index_t s = 0; s < x.states(); ++s) {
    double sum = s < 2 ? 0 : impossible;
    if (t > 0)
      sum = log_sum(before[s], s > 0 ? before[s - 1] : impossible, x.skips(s) ? before[s - 2] : impossible);
    to[s] = sum == impossible ? impossible : sum + x.at(t, s);
  }
}

/// to[s] = ln of the probability of all ends of paths that are in state s at step t, without that step.
template <class T>
void ctc_backward_step(const CtcSequence<T>& x, index_t t, const double* after, double* to) {
  const index_t states = x.states();
  for (index_t s = 0; s < states; ++s) {
    if (t + 1 == x.steps) {
      to[s] = s + 2 >= states ? 0 : impossible;
      continue;
    }
    const auto next = [&](index_t k) {
      return k < states && after[k] != impossible ? after[k] + x.at(t + 1, k) : impossible;
    };
    to[s] = log_sum(next(s), next(s + 1), x.skips(s + 2) ? next(s + 2) : impossible);
  }
}

/// What:   ln of the probability of the symbols. With `kept`, it gets the rows of ctc_forward_step.
/// Shapes: scratch (2, states); kept (steps, states) or null.
template <class T>
double ctc_log_probability(const CtcSequence<T>& x, double* scratch, double* kept) {
  const index_t states = x.states();
  if (x.steps == 0) return states == 1 ? 0 : impossible;
  const auto row = [&](index_t t) { return kept ? kept + t * states : scratch + t % 2 * states; };
  for (index_t t = 0; t < x.steps; ++t) ctc_forward_step(x, t, t > 0 ? row(t - 1) : nullptr, row(t));
  const double* const last = row(x.steps - 1);
  return log_sum(last[states - 1], states > 1 ? last[states - 2] : impossible, impossible);
}

/// What:   the gradient of −ln p, of the rows that ctc_log_probability kept: minus the probability that a path of the symbols
///         has a class at a step.
/// Shapes: scratch (2, states); to: as the log-probabilities, 0 so far.
template <class T>
void ctc_gradient(const CtcSequence<T>& x, double log_p, const double* kept, double* scratch, T* to) {
  const index_t states = x.states();
  for (index_t t = x.steps - 1; t >= 0; --t) {
    double* const now = scratch + t % 2 * states;
    ctc_backward_step(x, t, scratch + (t + 1) % 2 * states, now);
    for (index_t s = 0; s < states; ++s) {
      const double share = std::exp(kept[t * states + s] + now[s] - log_p);
      to[t * x.stride + x.symbols[static_cast<std::size_t>(s)]] -= static_cast<T>(share);
    }
  }
}

}  // namespace unroll::detail
