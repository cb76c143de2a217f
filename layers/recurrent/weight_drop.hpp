#pragma once
/// \file Weights that are dropped for a whole sequence: DropConnect on the recurrence of any cell.

#include <string>
#include <vector>

#include "unroll/detail/layers/recurrent/refused_calls.hpp"
#include "unroll/layers/default_generator.hpp"
#include "unroll/layers/module.hpp"

namespace unroll {

struct WeightDropOptions {
  double p = 0.5;                                  ///< the probability that a weight is dropped
  std::vector<std::string> names = {"weight_hh"};  ///< of the parameters, as the cell calls them
};

namespace detail {
template <class T>
void drop_weights(const Members<T>& members, const WeightDropOptions& options, const RandomKey& key);
/// What `from` has counted and drawn is counted in `to`, which it is a copy of.
template <class T>
void take_counts(const Members<T>& from, const Members<T>& to);
/// Errors: UsageError for a p outside [0, 1]; with p > 0 for an empty list of names, and a name that no parameter has.
template <class T>
void check_weight_drop(const Members<T>& members, const WeightDropOptions& options);
}  // namespace detail

/// What:   a copy of a cell, or of any module, with dropout(W, p) in place of each parameter W that is called so, in
///         whatever part of it: "weight_hh" is also weight_hh_l1_reverse of a stack and mixer.weight_hh of a block. Gradients
///         flow to the module's own weights; a tied one has one mask. One sequence with one mask:
///
///             auto [y, state] = scan(drop_weights(cell, {.p = 0.5}, {.seed = 1, .step = n}), xs);
///
/// Errors: UsageError for a p outside [0, 1]; with p > 0 for an empty list of names, and a name that no parameter has, naming
///         those there are.
/// Source: Wan et al. 2013, "Regularization of neural networks using DropConnect".
template <Module M>
M drop_weights(const M& module, const WeightDropOptions& options, const RandomKey& key) {
  M copy = module;
  detail::drop_weights(detail::members(copy), options, key);
  return copy;
}

/// A recurrent layer of any cell whose recurrent weights are dropped while training.
/// What:   in training mode, the layer with dropout(W, p), a mask for each call and each W, in place of the parameters that
///         are called so; otherwise the layer as it is. One mask holds for the whole call: all steps, all rows of the batch,
///         whatever lengths and resets there are, and also where recomputation runs steps again.
///         `WeightDrop lstm(Lstm<float>(I, H), {.p = 0.5});  auto [y, state] = lstm(x);`
/// Shapes: as the layer's. The parameters are those of the layer, under its names.
/// `Layer` is a Recurrent, a layer made of it, or an AnyRecurrent. Step by step it runs without dropping: stream(lstm.layer()).
/// The mask is a function of the key, whose step counts the calls in training mode; see Dropout.
/// Errors: as drop_weights(), when it is made; as the layer's.
/// Cost:   a copy of the weights that are dropped, for each call.
/// Source: Merity, Keskar, Socher 2018, "Regularizing and optimizing LSTM language models".
template <class Layer>
class WeightDrop : public detail::RefusedCalls<typename Layer::value_type, typename Layer::State> {
 public:
  using value_type = typename Layer::value_type;
  using T = value_type;
  using State = typename Layer::State;

  WeightDrop() = default;
  /// Around a layer, with a key of your own.
  WeightDrop(Layer layer, const WeightDropOptions& options, const RandomKey& key)
      : layer_(std::move(layer)), options_(options), key_(key) {
    detail::check_weight_drop(detail::members(layer_), options_);
  }
  /// With a key drawn from `rng`.
  explicit WeightDrop(Layer layer, const WeightDropOptions& options = {},
                      Generator& rng = default_generator())
      : WeightDrop(std::move(layer), options, RandomKey{.seed = rng.below(~std::uint64_t{0})}) {}

  using detail::RefusedCalls<typename Layer::value_type, typename Layer::State>::operator();
  /// All steps of x from `state`, or from initial_state(B).
  Scanned<T, State> operator()(const Variable<T>& x, const State& state = {},
                               const SequenceOptions& sequences = {}) const {
    if (!layer_.training() || options_.p == 0) return layer_(x, state, sequences);
    const Layer dropped = drop_weights(layer_, options_, key_);
    auto result = dropped(x, state, sequences);
    detail::take_counts(detail::members(dropped), detail::members(layer_));
    ++key_.step;
    return result;
  }
  /// The same from initial_state(B).
  template <std::same_as<SequenceOptions> Options = SequenceOptions>
  Scanned<T, State> operator()(const Variable<T>& x, const Options& sequences) const {
    return (*this)(x, State{}, sequences);
  }
  /// What a sequence begins with, as the layer's.
  State initial_state(index_t batch) const { return layer_.initial_state(batch); }
  /// The last hidden state of the top layer over each sequence's true length, as the layer's.
  Variable<T> last(const Scanned<T, State>& result) const { return layer_.last(result); }

  /// The layer, with its own weights: to read and change them, and for streams.
  Layer& layer() { return layer_; }
  /// The same to read.
  const Layer& layer() const { return layer_; }
  /// As given.
  const WeightDropOptions& options() const { return options_; }
  /// Of the next mask.
  const RandomKey& key() const { return key_; }
  /// Whether the layer is in training mode.
  bool training() const { return layer_.training(); }
  /// The numbers that one sequence carries from step to step.
  index_t state_size() const { return layer_.state_size(); }

  /// Shows what the layer shows, and the key.
  template <class V>
  void visit(V&& v) {
    layer_.visit(v);
    v("weight_drop_key", key_);
  }

 private:
  Layer layer_;
  WeightDropOptions options_ = {.p = 0};
  mutable RandomKey key_;
};

}  // namespace unroll
