#pragma once
/// \file RWKV-7's time mixing, a cell. The whole network is in rwkv7.hpp.

#include <utility>

#include "unroll/autograd/axis_views.hpp"
#include "unroll/detail/layers/recurrent/token_shift.hpp"
#include "unroll/layers/group_norm.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/matrix_state.hpp"

namespace unroll {

/// The sizes of RWKV-7's time mixing.
struct Rwkv7Options {
  index_t heads = 0;  ///< 0: one for each 64 units, or one
  index_t rank = 0;  ///< of the low-rank maps; 0: 32, or more where the width is large, as the authors advise
};
/// The place of a layer in its network.
struct Rwkv7Depth {
  index_t layer = 0;   ///< from 0; the first one makes v₁, the others have it in their inputs
  index_t layers = 1;  ///< of the network
};

/// The state of a Rwkv7Cell.
/// Shapes: h (B, H), s (B, heads, d, d), shift (B, I).
template <class T>
struct Rwkv7State {
  Variable<T> h;      ///< the output
  Variable<T> s;      ///< the matrices
  Variable<T> shift;  ///< the last input
  /// Shows all of them.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("s", s);
    v("shift", shift);
  }
};

/// What time mixing gives: of one step, or of all.
template <class T>
struct Rwkv7Mixed {
  Variable<T> output;   ///< (…, B, H)
  Variable<T> value;    ///< v as W_v makes it, (…, B, H): the first layer's is v₁
  Rwkv7State<T> state;  ///< behind it; h is empty
};

/// A matrix per head that decays at a rate of its own for each key, and replaces at a rate of its own for each key what it
/// holds under the direction κ.
/// What:   x_j = x + (x' − x) ⊙ μ_j for j = r, w, k, v, a, g, where x' is the input of the step before;
///         r, k, v = W_r x_r, W_k x_k, W_v x_v;  a = σ(a₀ + A₂ A₁ x_a);  γ = G₂ σ(G₁ x_g);
///         g = −e^(−½) σ(w₀ + D₂ tanh(D₁ x_w));  κ = k ⊙ k_κ, of length 1 in each head;  k ← k ⊙ (1 + (a − 1) ⊙ k_a);
///         after the first layer v ← v + (v₁ − v) ⊙ σ(v₀ + V₂ V₁ x_v), where v₁ is the v of the first;
///         S' = diag(e^g) S − (κ ⊙ a) (Sᵀ κ)ᵀ + k vᵀ;  o = S'ᵀ r;
///         h' = W_o ((norm(o) + (Σ r ⊙ k ⊙ ρ) v) ⊙ γ), norm and sum in each head.
/// Shapes: x (B, I), and after the first layer (B, I + H) with v₁ behind it; h (B, H), S (B, heads, d, d) with d = H / heads;
///         mix (6, I): the μ; weight_r, weight_k, weight_v (H, I), weight_out (H, H); of rank R weight_decay (R, I): D₁, and
///         linear_decay R → H: D₂, w₀; the same for rate (A), value (V; empty in the first layer), gate (G, no bias);
///         key_direction k_κ and key_rate k_a (H,), bonus ρ (heads, d).
/// Init:   as the authors' training code, by the layer's depth; but W_o from U(−1/√H, 1/√H), for uses without a residual:
///         the network has zeros there.
/// Source: Peng et al. 2025, "RWKV-7 Goose with Expressive Dynamic State Evolution", and BlinkDL/RWKV-LM.
template <class T>
struct Rwkv7Cell {
  using value_type = T;
  using State = Rwkv7State<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> mix, weight_r, weight_k, weight_v, weight_out, key_direction, key_rate, bonus;
  Variable<T> weight_decay, weight_rate, weight_value, weight_gate;
  Linear<T> linear_decay, linear_rate, linear_value, linear_gate;
  GroupNorm<T> norm;  ///< of what is read, in each head

  Rwkv7Cell() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H; UsageError for a depth that is none.
  Rwkv7Cell(index_t input, index_t hidden, const Rwkv7Options& options, const Rwkv7Depth& depth,
            Generator& rng = default_generator());
  Rwkv7Cell(index_t input, index_t hidden, const Rwkv7Options& options, Generator& rng = default_generator())
      : Rwkv7Cell(input, hidden, options, Rwkv7Depth{}, rng) {}
  Rwkv7Cell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : Rwkv7Cell(input, hidden, Rwkv7Options{}, rng) {}

  /// I, and after the first layer I + H.
  index_t input_size() const { return mix.shape()[1] + (weight_value ? hidden_size() : 0); }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// The number of matrices.
  index_t heads() const { return bonus.shape()[0]; }
  /// Zeros.
  State initial_state(index_t batch) const {
    auto [h, s] = detail::zero_matrices<T>(batch, hidden_size(), heads());
    return {std::move(h), std::move(s), Variable<T>({batch, mix.shape()[1]}, T{0})};
  }

  [[gnu::noinline]] State step(const Variable<T>& x, const State& state) const {
    const auto [own, first] = parted(x);
    Rwkv7Mixed<T> mixed = mixing(own, first, state);
    const Variable<T> shift = 1.0 * own;  // in memory of its own: the caller may write the next input into x
    return {std::move(mixed.output), std::move(mixed.state.s), shift};
  }
  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    const auto [own, first] = parted(x);
    Rwkv7Mixed<T> mixed = mixing(own, first, state, &o);
    mixed.state.h = state.h;
    return {std::move(mixed.output), std::move(mixed.state)};
  }

  /// One step, or with options all steps.
  /// Shapes: x (B, I) or (T, B, I), first: v₁ (…, B, H), not read in the first layer.
  Rwkv7Mixed<T> mixing(const Variable<T>& x, const Variable<T>& first, const State& state,
                       const RecurrenceOptions* options = nullptr) const;

  template <class V>
  void visit(V&& v) {
    v("mix", mix), v("weight_r", weight_r), v("weight_k", weight_k), v("weight_v", weight_v);
    v("weight_decay", weight_decay), v("linear_decay", linear_decay);
    v("weight_rate", weight_rate), v("linear_rate", linear_rate);
    v("weight_value", weight_value), v("linear_value", linear_value);
    v("weight_gate", weight_gate), v("linear_gate", linear_gate);
    v("key_direction", key_direction), v("key_rate", key_rate), v("bonus", bonus);
    v("norm", norm), v("weight_out", weight_out);
  }

 private:
  // x and v₁, which stand side by side after the first layer.
  std::pair<Variable<T>, Variable<T>> parted(const Variable<T>& x) const {
    if (!weight_value) return {x, {}};
    auto parts = split(x, {mix.shape()[1], hidden_size()}, -1);
    return {std::move(parts[0]), std::move(parts[1])};
  }
};

UNROLL_COMPILED_CELL(Rwkv7Cell)

}  // namespace unroll
