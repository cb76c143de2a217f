#pragma once
/// \file The selective state space model's recurrence.

#include "unroll/autograd/linear_recurrence.hpp"

namespace unroll {

/// Of selective_scan.
template <class T>
struct SelectiveScanOptions {
  Variable<T> state = {};  ///< (B, D, N): what the sequences begin with; empty: zeros
  Indices lengths = {};    ///< (B,): see RecurrenceOptions
  Indices resets = {};     ///< (T, B): see RecurrenceOptions
};

/// What selective_scan returns.
template <class T>
struct SelectiveScanResult {
  Variable<T> output;  ///< (T, B, D), 0 beyond a sequence's end
  Variable<T> state;   ///< (B, D, N), after each sequence's own last step
};

/// What:   h_t = exp(δ_t A) ⊙ h_{t−1} + (δ_t u_t) B_tᵀ for each channel, y_t = h_t C_t.
/// Shapes: u and δ (T, B, D), A (D, N), B and C (T, B, N), or (T, B, G, N) where D/G consecutive channels share one of G
///         groups; h (B, D, N), y (T, B, D). What else belongs to the model, D ⊙ u, a gate, δ = softplus(…), is elementwise.
/// Range:  A < 0 and δ ≥ 0 for a state that decays; nothing is checked.
/// Errors: ShapeError where shapes, lengths or resets do not fit; IndexError for a length outside 0 … T; UsageError for an
///         empty Variable.
/// Cost:   the state is kept once for 16 steps, and computed again on the way back; exp(δ A) never takes memory. Threads
///         share sequences and channels, in pieces whose sums do not depend on their number.
/// Source: Gu and Dao 2023, "Mamba", whose simplified rule for B, δ B, is taken.
template <class T>
SelectiveScanResult<T> selective_scan(const Variable<T>& u, const Variable<T>& delta, const Variable<T>& a,
                                      const Variable<T>& b, const Variable<T>& c,
                                      const SelectiveScanOptions<T>& options = {});

}  // namespace unroll
