#pragma once  // internal
/// \file Calls of a recurrent layer that the compiler refuses with a reason.

#include "unroll/detail/autograd/core/unevaluated.hpp"
#include "unroll/layers/recurrent_options.hpp"
#include "unroll/layers/scan_options.hpp"

namespace unroll::detail {

template <class L, class State>
concept LengthsAsState = std::convertible_to<const L&, Indices> && !std::convertible_to<const L&, State>;

/// A base of layers that are called with (x, state, options) or (x, options).
template <class T, class State>
struct RefusedCalls {
  /// An x of the other number type.
  template <class U>
  requires Mixed<Variable<T>, Variable<U>> Scanned<T, State>
  operator()(const Variable<U>&, const State& = {}, const SequenceOptions& = {}) const {
    refuse_mixed<Variable<T>, Variable<U>>();
    return {};
  }
  template <class U, std::same_as<SequenceOptions> Options = SequenceOptions>
  requires Mixed<Variable<T>, Variable<U>> Scanned<T, State>
  operator()(const Variable<U>&, const Options&) const {
    refuse_mixed<Variable<T>, Variable<U>>();
    return {};
  }
  /// Lengths in the place of the state.
  template <LengthsAsState<State> L>
  Scanned<T, State> operator()(const Variable<T>&, const L&) const {
    static_assert(!LengthsAsState<L, State>, "lengths are an option: rnn(x, {.lengths = lengths})");
    return {};
  }
};

}  // namespace unroll::detail
