#pragma once
/// \file The GRU with decay, for sequences with missing values at unequal times, and the layer `GruD gru(I, H);
/// gru(x, dt, mask)`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// Hidden state, last observations and their age.
/// Shapes: h (B, H), last and age (B, I).
template <class T>
struct GruDState {
  Variable<T> h;     ///< the output
  Variable<T> last;  ///< what was last seen of each element of x, less its mean
  Variable<T> age;   ///< the time since then at the last step
  /// Shows all three.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("last", last);
    v("age", age);
  }
};

/// A GRU that knows what is missing, and since when.
/// What:   δ = age + dt, the time since each element of x was last seen;
///         γ_x = exp(−max(0, w_x ⊙ δ + b_x));  γ_h = exp(−max(0, W_γ δ + b_γ));
///         x̂ = x where m ≠ 0, else μ + γ_x ⊙ last: the last observation decays to the mean;  ĥ = γ_h ⊙ h;
///         r, z = σ(W x̂ + V m + b + U ĥ);  n = tanh(W_n x̂ + V_n m + b_n + W_rh (r ⊙ ĥ));
///         h' = (1 − z) ⊙ n + z ⊙ ĥ;
///         last' = x − μ where m ≠ 0, else last;  age' = 0 where m ≠ 0, else δ.
/// Shapes: x and m (B, I), dt (B, 1), h (B, H), last and age (B, I), weight_ih and weight_mask (3H, I) and bias (3H,) or empty
///         with the rows of r, z and n, weight_hh (2H, H) with those of r and z, weight_rh (H, H), input_decay and its bias (I,), hidden_decay (H, I) and its
///         bias (H,), mean (I,).
/// Inputs: x, dt, the time since the step before, and mask, 1 where x is known and 0 where it is missing: x may then be
///         anything, NaN too. Without the others dt is 1 and nothing is missing.
/// Init:   weights and bias U(−1/√H, 1/√H); decays U(0, 1/√H), as one below 0 would not be learnt, and their biases 0.
///         mean is 0, as for standardised inputs; it is a buffer, for the caller to set.
/// Of a cell above the first nothing is missing: it is made with `below`, the I of the first, and has neither weight_mask nor
/// decays of its input. Its gates are σ(W x + b + U ĥ), hidden_decay is (H, 1), and δ = dt; last and age have the shape that
/// they have below, as the states of a layer do, and stay 0.
/// Limits: StateNoise would act on last and age as well: leave zoneout_memory 0.
/// Source: Che et al. 2018, Recurrent neural networks for multivariate time series with missing values, whose z is 1 − z
///         here, as in Gru. Their code differs from their equations: it feeds 1 − m, and keeps h, not ĥ, where z says so.
template <class T>
struct GruDCell {
  using value_type = T;
  using State = GruDState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* input_names = "x dt mask";  ///< see several_inputs.hpp
  Variable<T> weight_ih, weight_hh, weight_rh, weight_mask, bias;
  Variable<T> input_decay, input_decay_bias, hidden_decay, hidden_decay_bias;
  Variable<T> mean;  ///< μ, what an element of x is without an observation

  GruDCell() = default;
  GruDCell(index_t input, index_t hidden, bool with_bias = true, Generator& rng = default_generator(),
           index_t below = 0)
      : below_(below) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight_ih = detail::draw<T>({3 * hidden, input}, hidden, rng);
    weight_hh = detail::draw<T>({2 * hidden, hidden}, hidden, rng);
    weight_rh = detail::draw<T>({hidden, hidden}, hidden, rng);
    if (with_bias) bias = detail::draw<T>({3 * hidden}, hidden, rng);
    hidden_decay = draw_decay({hidden, complete() ? 1 : input}, hidden, rng);
    hidden_decay_bias = Variable<T>({hidden}, T{0}).requires_grad(true);
    if (complete()) return;
    weight_mask = detail::draw<T>({3 * hidden, input}, hidden, rng);
    input_decay = draw_decay({input}, hidden, rng);
    input_decay_bias = Variable<T>({input}, T{0}).requires_grad(true);
    mean = Variable<T>({input}, T{0});
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_hh.shape()[1]; }
  /// Whether nothing is ever missing: a cell above the first.
  bool complete() const { return below_ > 0; }
  /// Zeros: nothing was seen yet, so that the means are assumed.
  State initial_state(index_t batch) const {
    const Variable<T> none({batch, complete() ? below_ : input_size()}, T{0});
    return {Variable<T>({batch, hidden_size()}, T{0}), none, none};
  }
  /// Steps of length 1, and nothing missing.
  Inputs<T, 3> default_inputs(const Variable<T>& x) const {
    return {x, Variable<T>(x.shape().with(x.rank() - 1, 1), T{1}), Variable<T>(x.shape(), T{1})};
  }
  /// Nothing is missing of h.
  Inputs<T, 3> inputs_above(const Variable<T>& h, const Variable<T>&, const Variable<T>& dt,
                            const Variable<T>&) const {
    return {h, dt, Variable<T>(h.shape(), T{1})};
  }

  /// What the mask adds to the gates, and the inputs as they are; of a cell above the first W x + b, and dt.
  Inputs<T, 4> project(const Variable<T>& x, const Variable<T>& dt, const Variable<T>& mask) const {
    if (complete()) return {linear(x, weight_ih, bias), dt, dt, dt};
    return {linear(mask, weight_mask, bias), x, dt, mask};
  }

  // v is projected: V m + b
  [[gnu::noinline]] State step(const Variable<T>& v, const Variable<T>& x, const Variable<T>& dt,
                               const Variable<T>& mask, const State& s) const {
    if (complete()) return {next_hidden(v, dt, s.h), s.last, s.age};
    Variable delta = s.age + dt;
    Variable decayed = exp(-relu(input_decay * delta + input_decay_bias)) * s.last;
    Variable x_hat = where(mask, x, mean + decayed);
    Variable gates = v + linear(x_hat, weight_ih);
    return {next_hidden(gates, delta, s.h), where(mask, x - mean, s.last), where(mask, 0, delta)};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("weight_rh", weight_rh);
    v("weight_mask", weight_mask);
    v("bias", bias);
    v("input_decay", input_decay);
    v("input_decay_bias", input_decay_bias);
    v("hidden_decay", hidden_decay);
    v("hidden_decay_bias", hidden_decay_bias);
    v("mean", buffer(mean));
  }

 private:
  // h' from the gates' part of the input.
  Variable<T> next_hidden(const Variable<T>& gates, const Variable<T>& delta,
                          const Variable<T>& before) const {
    Variable decay = linear(delta, hidden_decay, hidden_decay_bias);
    Variable h = exp(-relu(decay)) * before;
    auto [x_r, x_z, x_n] = chunk<3>(gates);
    auto [h_r, h_z] = chunk<2>(linear(h, weight_hh));
    Variable reset = sigmoid(x_r + h_r) * h;
    Variable n = x_n + linear(reset, weight_rh);
    return lerp(tanh(n), h, sigmoid(x_z + h_z));  // (1 − z) n + z h
  }
  static Variable<T> draw_decay(const Shape& shape, index_t hidden, Generator& rng) {
    auto p = Variable<T>::uninitialised(shape);
    return init::uniform(p, 0, 1 / std::sqrt(static_cast<double>(hidden)), rng).requires_grad(true);
  }

  index_t below_ = 0;
};

/// See Recurrent and GruDCell. `auto [y, state] = gru(x, dt, mask);` with dt (T, B) and mask (T, B, I). Layers above the first
/// get the same dt, and nothing of their input is missing. Where inputs are not standardised, set `gru.cell(0).mean`.
template <class T = float>
class GruD : public Recurrent<GruDCell<T>> {
 public:
  GruD() = default;
  GruD(index_t input, index_t hidden, const RecurrentOptions& options = {},
       Generator& rng = default_generator())
      : Recurrent<GruDCell<T>>(input, maker(input, hidden, options, rng), options, rng) {}

 private:
  // The cells of the first layer are made first, one or two.
  static auto maker(index_t input, index_t hidden, const RecurrentOptions& o, Generator& rng) {
    return [=, &rng, first = o.bidirectional ? 2 : 1](index_t size) mutable {
      return GruDCell<T>(size, hidden, o.bias, rng, first-- > 0 ? 0 : input);
    };
  }
};

UNROLL_COMPILED_CELL(GruDCell)

}  // namespace unroll
