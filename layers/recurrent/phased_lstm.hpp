#pragma once
/// \file The phased LSTM, whose units are open at times of their own, for events at unequal times, and the layer
/// `PhasedLstm lstm(I, H); lstm(x, dt)`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// Hidden state, cell state and time.
/// Shapes: h and c (B, H), t (B, 1).
template <class T>
struct PhasedLstmState {
  Variable<T> h;  ///< the output
  Variable<T> c;  ///< the cell state
  Variable<T> t;  ///< the time since the sequence began
  /// Shows all three.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("c", c);
    v("t", t);
  }
};

/// How a phased LSTM is made, beside its sizes.
struct PhasedLstmOptions {
  double ratio_on = 0.05;     ///< r, the part of its period in which a unit is open: above 0, up to 1
  double leak = 0.001;        ///< α, how much a closed unit lets through while training; 0 … 1
  double min_log_period = 0;  ///< the natural logarithm of the shortest period at first
  double max_log_period = 3;  ///< the same of the longest
};

/// An LSTM with a gate of time: each unit is open for a short part of its own period, and else keeps its state.
/// What:   t' = t + dt;  φ = frac((t' − s) / τ), τ = exp(log_period);
///         k = 2φ / r where φ < r / 2;  2 − 2φ / r where φ < r;  else α φ, in evaluation mode 0;
///         i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;  c̃ = σ(f) ⊙ c + σ(i) ⊙ tanh(g);  h̃ = σ(o) ⊙ tanh(c̃);
///         c' = k ⊙ c̃ + (1 − k) ⊙ c;  h' = k ⊙ h̃ + (1 − k) ⊙ h.
/// Shapes: x (B, I), dt (B, 1), h and c (B, H), t (B, 1), weight_ih (4H, I), weight_hh (4H, H), biases (4H,) or empty,
///         log_period and shift (H,).
/// Inputs: x, and dt, the time since the step before; without it, 1.
/// Init:   as Lstm; log_period U(0, 3), or as the options say; s U(0, τ).
/// Limits: t grows with a sequence: where it rounds to the breadth of an opening, r τ, phases are lost; in float with τ = 1
///         and r = 0.05 from t = 10⁵ on. Begin sequences anew before. StateNoise would act on t as well: leave zoneout_memory 0.
/// Source: Neil, Pfeiffer, Liu 2016, Phased LSTM, equations 6 to 10, without peepholes, which are optional there; r is fixed, as in
///         most of their tests. The parameter is log τ, so that a period stays positive.
template <class T>
struct PhasedLstmCell : GateWeights<T, 4> {
  using State = PhasedLstmState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "i f g o";
  static constexpr const char* input_names = "x dt";  ///< see several_inputs.hpp
  Variable<T> log_period, shift;
  double ratio_on = 0.05, leak = 0.001;  ///< see PhasedLstmOptions
  bool training = true;                  ///< whether closed units leak

  PhasedLstmCell() = default;
  /// Errors: ShapeError for a size below 1, UsageError for options out of range.
  PhasedLstmCell(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator(),
                 const PhasedLstmOptions& o = {})
      : GateWeights<T, 4>(input, hidden, bias, rng), ratio_on(o.ratio_on), leak(o.leak) {
    if (!(ratio_on > 0 && ratio_on <= 1 && leak >= 0 && leak <= 1))
      raise<UsageError>("phased_lstm: need 0 < ratio_on ≤ 1 and 0 ≤ leak ≤ 1; got {} and {}", ratio_on, leak);
    if (!(o.min_log_period <= o.max_log_period && std::abs(o.min_log_period) < 80 &&
          std::abs(o.max_log_period) < 80))
      raise<UsageError>(
          "phased_lstm: need min_log_period ≤ max_log_period, both within −80 … 80; got {} and {}",
          o.min_log_period, o.max_log_period);
    log_period = Variable<T>::uninitialised({hidden});
    init::uniform(log_period, o.min_log_period, o.max_log_period, rng).requires_grad(true);
    shift = Variable<T>::uninitialised({hidden});
    init::uniform(shift, 0, 1, rng);
    shift = Variable<T>(shift * exp(log_period.detach())).requires_grad(true);
  }

  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, this->hidden_size()}, T{0});
    return {zeros, zeros, Variable<T>({batch, 1}, T{0})};
  }
  /// Steps of length 1.
  Inputs<T, 2> default_inputs(const Variable<T>& x) const {
    return {x, Variable<T>(x.shape().with(x.rank() - 1, 1), T{1})};
  }

  /// W_ih x + b_ih + b_hh; dt as it is.
  Inputs<T, 2> project(const Variable<T>& x, const Variable<T>& dt) const {
    return {GateWeights<T, 4>::project(x), dt};
  }

  // x is projected: W_ih x + b_ih + b_hh
  [[gnu::noinline]] State step(const Variable<T>& x, const Variable<T>& dt, const State& s) const {
    const double r = ratio_on, alpha = training ? leak : 0;
    Variable gates = x + linear(s.h, this->weight_hh);
    auto [i, f, g, o] = chunk<4>(gates);
    Variable t = s.t + dt;
    Variable cycles = (t - shift) * exp(-log_period);
    Variable phi = cycles - floor(cycles);
    Variable k = where(phi < r / 2, 2 / r * phi, where(phi < r, 2 - 2 / r * phi, alpha * phi));
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = sigmoid(o) * tanh(c);
    return {lerp(s.h, h, k), lerp(s.c, c, k), t};  // lerp(a, b, w) = (1 − w) a + w b
  }

  template <class V>
  void visit(V&& v) {
    GateWeights<T, 4>::visit(v);
    v("log_period", log_period);
    v("shift", shift);
    v("training", training);
  }
};

/// See Recurrent and PhasedLstmCell. `auto [y, state] = lstm(x, dt);` with dt (T, B); layers above the first get the same dt.
template <class T = float>
class PhasedLstm : public Recurrent<PhasedLstmCell<T>> {
 public:
  PhasedLstm() = default;
  PhasedLstm(index_t input, index_t hidden, const RecurrentOptions& options = {},
             Generator& rng = default_generator(), const PhasedLstmOptions& phased = {})
      : Recurrent<PhasedLstmCell<T>>(
            input, [&](index_t size) { return PhasedLstmCell<T>(size, hidden, options.bias, rng, phased); },
            options, rng) {}
};

UNROLL_COMPILED_CELL(PhasedLstmCell)

}  // namespace unroll
