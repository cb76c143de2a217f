#pragma once
/// \file Decoding: sequences from a model that predicts one symbol after another. Beam search is in
/// beam_search.hpp.
///
/// A model is a function `step(symbols, state)` that is given the last symbol of each row, Indices (N,), and
/// the state after all symbols before, and returns a DecodingStep. The state is one that scan could have,
/// with one row for each sequence: rows that end drop out, and N falls.

#include <functional>
#include <optional>

#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/layers/sampling.hpp"
#include "unroll/layers/state.hpp"

namespace unroll {

/// What a model says after a symbol.
/// Shapes: log_probs (N, V), ln of the probabilities of the next symbol.
template <class T, class S>
struct DecodingStep {
  Variable<T> log_probs;  ///< (N, V)
  S state;                ///< after the symbol
};

struct DecodingOptions {
  std::int64_t start = 0;                    ///< the symbol that every sequence is begun with
  std::optional<std::int64_t> end = {};      ///< none: all sequences have max_length symbols
  index_t min_length = 0, max_length = 100;  ///< in symbols, without start and end
  std::vector<std::int64_t> forbidden = {};  ///< symbols that are never chosen
  std::vector<index_t> max_lengths = {};     ///< in place of max_length, one for each sequence
};

/// One answer of a search.
struct Hypothesis {
  std::vector<std::int64_t> symbols;  ///< without start and end
  double log_probability = 0;         ///< by the model, of all symbols and of the end
  double score = 0;                   ///< what beam search ranks by; else the log probability
};

namespace detail {

/// A model whose state is a list of its members.
template <class T>
using AnyModel = std::function<std::pair<Variable<T>, std::vector<Variable<T>>>(
    const Indices& symbols, const std::vector<Variable<T>>& state)>;

/// `step` by reference; `like` tells which members of the state are there.
template <class S, class Step>
AnyModel<state_number<S>> any_model(const Step& step, const S& like) {
  using T = state_number<S>;
  S copy = like;
  return [&step, like, present = present_members(copy)](const Indices& symbols,
                                                        const std::vector<Variable<T>>& members) {
    DecodingStep<T, S> next = step(symbols, with_members(like, members));
    check_members("decoding", present, next.state);
    return std::pair(std::move(next.log_probs), members_of(std::move(next.state)));
  };
}

/// What a model says, as plain numbers, row by row.
/// Errors: ShapeError; DataError where a number is NaN.
template <class T>
struct Said {
  Variable<T> log_probs;
  std::vector<Variable<T>> state;
  index_t symbols() const { return log_probs.shape()[1]; }
  const T* row(index_t r) const { return log_probs.data() + r * symbols(); }
};
template <class T>
Said<T> ask(const AnyModel<T>& model, const std::vector<std::int64_t>& symbols,
            const std::vector<Variable<T>>& state);

/// The rows `rows` of a state.
template <class T>
std::vector<Variable<T>> choose_rows(std::vector<Variable<T>> state, const std::vector<std::int64_t>& rows);
/// Errors: UsageError naming `state` where it has no rows.
template <class T>
index_t rows_of(const std::vector<Variable<T>>& state);

/// Which symbols may follow after `length` symbols.
class Allowed {
 public:
  /// Errors: UsageError for lengths out of range; IndexError for symbols outside 0 … V − 1, once V is known.
  Allowed(const DecodingOptions& options, std::size_t sequences);
  /// −∞ in place of the logarithms that must not be chosen for a sequence.
  template <class T>
  void mask(std::vector<T>& log_probs, index_t length, std::size_t sequence) const;
  /// The most symbols a sequence may have.
  index_t longest(std::size_t sequence) const {
    return options_.max_lengths.empty() ? options_.max_length : options_.max_lengths[sequence];
  }

 private:
  void check_length(index_t longest) const;
  const DecodingOptions& options_;
};

template <class T>
std::vector<Hypothesis> decode(const AnyModel<T>& model, std::vector<Variable<T>> state,
                               const DecodingOptions& options, const SamplingOptions& drawing,
                               Generator* rng);
template <class T>
std::vector<double> rescore(const AnyModel<T>& model, std::vector<Variable<T>> state,
                            const std::vector<std::vector<std::int64_t>>& sequences,
                            const DecodingOptions& options);

}  // namespace detail

/// What:   for each row of `state`, the most probable symbol at every step, until it is the end symbol. Where
///         max_length is reached, the end symbol is all that may follow.
/// Errors: UsageError, IndexError for options out of range or not of each row; DataError where the output is
///         not finite.
template <class Step, class S>
std::vector<Hypothesis> greedy(const Step& step, const S& state, const DecodingOptions& options) {
  return detail::decode<detail::state_number<S>>(detail::any_model(step, state), detail::members_of(state),
                                                 options, {.temperature = 0}, nullptr);
}

/// What:   the same with symbols drawn by chance; see SamplingOptions. One number of `rng` for each symbol.
/// Errors: as greedy(); UsageError for sampling options out of range, before anything is drawn.
template <class Step, class S>
std::vector<Hypothesis> sample(const Step& step, const S& state, const DecodingOptions& options,
                               const SamplingOptions& drawing, Generator& rng) {
  return detail::decode<detail::state_number<S>>(detail::any_model(step, state), detail::members_of(state),
                                                 options, drawing, &rng);
}

/// What:   the log probability of each row's sequence (without start and end symbol) and of its end.
/// Errors: UsageError unless there is a sequence for each row; IndexError for a symbol outside 0 … V − 1.
template <class Step, class S>
std::vector<double> log_probabilities(const Step& step, const S& state,
                                      const std::vector<std::vector<std::int64_t>>& sequences,
                                      const DecodingOptions& options) {
  return detail::rescore<detail::state_number<S>>(detail::any_model(step, state), detail::members_of(state),
                                                  sequences, options);
}

}  // namespace unroll
