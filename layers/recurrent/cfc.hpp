#pragma once
/// \file The closed-form continuous-time cell, for steps of unequal length, and the layer `Cfc cfc(I, H); cfc(x, dt)`.

#include "unroll/autograd/creation.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// What becomes of the state of a CfC: a mean of two candidates whose weights depend on the time; their sum, in which the
/// weight of the second does; or the solution of a linear differential equation.
enum class CfcMode { gated, no_gate, pure };

/// How a CfC is made, beside its sizes.
struct CfcOptions {
  CfcMode mode = CfcMode::gated;  ///< which of the three
  index_t units = 128;            ///< U, of each layer of the backbone
  int layers = 1;                 ///< of the backbone
};

/// A continuous-time network in closed form: no solver is needed for the time between observations.
/// What:   u = φ(W_ih x + W_hh h + b), φ(v) = 1.7159 tanh(0.666 v), and again u = φ(W_k u + b_k) for each further layer of
///         the backbone;  f, g, a, b = W_out u + b_out;  s = σ(a ⊙ dt + b);
///         gated:    h' = (1 − s) ⊙ tanh(f) + s ⊙ tanh(g);
///         no_gate:  h' = tanh(f) + s ⊙ tanh(g);
///         pure:     h' = A ⊙ (1 − f ⊙ exp(−dt (|w_τ| + |f|))), f = W_out u + b_out.
/// Shapes: x (B, I), dt (B, 1), h (B, H), weight_ih (U, I), weight_hh (U, H), bias (U,), weight_out (4H, U) and bias_out
///         (4H,) with the rows of f, g, a and b, or (H, U) and (H,) where pure; tau and amplitude (H,), where pure. Without
///         bias, biases are empty.
/// Inputs: x, and dt, the time since the step before; without it, 1.
/// Init:   weights U(−a, a), a = √(6 / (fan_in + fan_out)), those of f, g, a and b each by itself; biases
///         U(−1/√fan_in, 1/√fan_in); tau and amplitude as a weight of one row.
/// Errors: ShapeError for a size below 1, UsageError for less than one layer.
/// Source: Hasani et al. 2022, Closed-form continuous-time neural networks, in the form of their code, whose modes are named
///         default, no_gate and pure. Its backbone may have no layer and drop elements; this one does neither.
template <class T>
struct CfcCell {
  using value_type = T;
  using State = HiddenState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* input_names = "x dt";  ///< see several_inputs.hpp
  Variable<T> weight_ih, weight_hh, bias, weight_out, bias_out, tau, amplitude;
  std::vector<Variable<T>> weights, biases;  ///< of the backbone's further layers, (U, U) and (U,)
  CfcMode mode = CfcMode::gated;             ///< see CfcOptions

  CfcCell() = default;
  CfcCell(index_t input, index_t hidden, bool with_bias = true, Generator& rng = default_generator(),
          const CfcOptions& options = {})
      : mode(options.mode) {
    const index_t units = options.units;
    detail::check_sizes({{"input", input}, {"hidden", hidden}, {"units", units}});
    if (options.layers < 1 || options.layers > 1 << 16)
      raise<UsageError>("cfc: need 1 to 65,536 layers of the backbone; got {}", options.layers);
    weight_ih = draw(units, input, input + hidden, units, rng);
    weight_hh = draw(units, hidden, input + hidden, units, rng);
    for (int k = 1; k < options.layers; ++k) weights.push_back(draw(units, units, units, units, rng));
    weight_out = draw((pure() ? 1 : 4) * hidden, units, units, hidden, rng);
    for (Variable<T>* const p : {&tau, &amplitude})
      if (pure()) *p = reshape(draw(1, hidden, hidden, 1, rng), {hidden}).detach().requires_grad(true);
    if (!with_bias) return;
    bias = detail::draw<T>({units}, input + hidden, rng);
    for (int k = 1; k < options.layers; ++k) biases.push_back(detail::draw<T>({units}, units, rng));
    bias_out = detail::draw<T>({weight_out.shape()[0]}, units, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_hh.shape()[1]; }
  /// Steps of length 1.
  Inputs<T, 2> default_inputs(const Variable<T>& x) const {
    return {x, Variable<T>(x.shape().with(x.rank() - 1, 1), T{1})};
  }

  /// The backbone's part of x; dt as it is.
  Inputs<T, 2> project(const Variable<T>& x, const Variable<T>& dt) const {
    return {linear(x, weight_ih, bias), dt};
  }

  // x is projected: W_ih x + b
  [[gnu::noinline]] State step(const Variable<T>& x, const Variable<T>& dt, const State& s) const {
    Variable v = x + linear(s.h, weight_hh);
    Variable u = 1.7159 * tanh(0.666 * v);
    for (std::size_t k = 0; k < weights.size(); ++k) {
      v = linear(u, weights[k], biases.empty() ? Variable<T>() : biases[k]);
      u = 1.7159 * tanh(0.666 * v);
    }
    Variable out = linear(u, weight_out, bias_out);
    if (pure()) return {amplitude * (1 - out * exp(-dt * (abs(tau) + abs(out))))};
    auto [f, g, a, b] = chunk<4>(out);
    if (mode == CfcMode::no_gate) return {tanh(f) + sigmoid(a * dt + b) * tanh(g)};
    return {lerp(tanh(f), tanh(g), sigmoid(a * dt + b))};  // lerp(a, b, w) = (1 − w) a + w b
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("bias", bias);
    v("weights", weights);
    v("biases", biases);
    v("weight_out", weight_out);
    v("bias_out", bias_out);
    v("tau", tau);
    v("amplitude", amplitude);
  }

 private:
  bool pure() const { return mode == CfcMode::pure; }
  static Variable<T> draw(index_t rows, index_t columns, index_t fan_in, index_t fan_out, Generator& rng) {
    auto p = Variable<T>::uninitialised({rows, columns});
    const double a = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
    return init::uniform(p, -a, a, rng).requires_grad(true);
  }
};

/// See Recurrent and CfcCell. `auto [y, state] = cfc(x, dt);` with dt (T, B); layers above the first get the same dt.
template <class T = float>
class Cfc : public Recurrent<CfcCell<T>> {
 public:
  Cfc() = default;
  Cfc(index_t input, index_t hidden, const RecurrentOptions& options = {},
      Generator& rng = default_generator(), const CfcOptions& cfc = {})
      : Recurrent<CfcCell<T>>(
            input, [&](index_t size) { return CfcCell<T>(size, hidden, options.bias, rng, cfc); }, options,
            rng) {}
};

UNROLL_COMPILED_CELL(CfcCell)

}  // namespace unroll
