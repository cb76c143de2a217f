#pragma once
/// \file The network that learns an amplifier, and how far what it plays is from what the amplifier does.

#include <algorithm>

#include "amplifier/recordings.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll::amplifier {

/// An LSTM of 16 units that reads the sample and the knob, and a dense layer that puts out what is to be added to the
/// sample (Wright et al. 2019).
struct Model {
  using value_type = float;
  Lstm<float> lstm;
  Linear<float> dense;
  explicit Model(Generator& rng) : lstm(2, 16, {}, rng), dense(16, 1, {}, rng) {}
  template <class V>
  void visit(V&& v) {
    v("lstm", lstm), v("dense", dense);
  }
  /// x (T, B, 2) → (T, B, 1); `state` goes on from window to window, and no gradient flows back through it.
  Variable<float> operator()(const Variable<float>& x, Lstm<float>::State& state) const {
    const auto [h, last] = lstm(x, state);
    state = detach_state(last);
    const Variable<float> added = dense(h);
    return added + slice(x, 2, 0, 1);
  }
};

/// What:   the error-to-signal ratio Σ e² / Σ t² of e = t − y, both pre-emphasised by 1 − 0.85 z⁻¹ along time.
/// Shapes: y, target (T, B, 1) → ().
inline Variable<float> error_to_signal(const Variable<float>& y, const Variable<float>& target) {
  const auto emphasised = [](const Variable<float>& v) {
    const index_t steps = v.shape()[0];
    return Variable<float>(slice(v, 0, 1, steps) - 0.85f * slice(v, 0, 0, steps - 1));
  };
  const Variable<float> error = target - y;
  return sum(square(emphasised(error))) / (sum(square(emphasised(target))) + 1e-5f);
}

/// The error-to-signal ratio on what was not learned, the mean over all recordings.
inline double error_on_rest(const Model& model, const std::vector<Recording>& recordings) {
  const NoGrad off;
  double error = 0;
  for (const Recording& r : recordings) {
    Lstm<float>::State state;
    const auto frames = static_cast<index_t>(r.input.size());
    const index_t from = r.learned(), before = std::min<index_t>(from, 4096);
    model(cut({{&r, from - before}}, before).x, state);  // the state as it is there
    const auto [x, target] = cut({{&r, from}}, frames - from);
    error += double{error_to_signal(model(x, state), target).item()} / static_cast<double>(recordings.size());
  }
  return error;
}

}  // namespace unroll::amplifier
