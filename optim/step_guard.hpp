#pragma once
/// \file Steps that are left out because their gradient is bad.

#include <limits>

#include "unroll/optim/optimizer.hpp"

namespace unroll {

struct StepGuardOptions {
  double max_norm = std::numeric_limits<double>::infinity();  ///< a larger norm of the gradient is bad, too
  std::uint64_t in_a_row = 10;  ///< so many bad ones one after another are an error
};

/// Leaves out a step whose gradient is not finite or far too large, and gives up after too many in a row.
///
///     StepGuard guard({.max_norm = 100});
///     …  loss.backward();
///     guard.step(adam, clip_grad_norm(parameters(model), 1));
///     adam.zero_grad();
///
/// What:   a step is left out where the norm, before clipping, is NaN, infinite or above max_norm. Weights and the
///         optimiser's state are then unchanged to the bit; gradients stay until zero_grad().
class StepGuard {
 public:
  /// What a checkpoint has to keep.
  struct State {
    std::uint64_t skipped = 0;   ///< in all
    std::uint64_t in_a_row = 0;  ///< since the last step that was made
  };
  /// Errors: UsageError for a max_norm that is NaN or not above 0, and for in_a_row = 0.
  explicit StepGuard(const StepGuardOptions& options = {});

  /// Whether a step with a gradient of this norm may be made; counts it.
  /// Errors: Error, with the norm, for the last of so many bad ones in a row as the options allow.
  bool allows(double norm);
  /// Makes the step if it may be made. Returns whether it was.
  /// Errors: as allows().
  template <class T>
  bool step(Optimizer<T>& optimizer, double norm) {
    const bool allowed = allows(norm);
    if (allowed) optimizer.step();
    return allowed;
  }

  /// How many steps were left out.
  std::uint64_t skipped() const { return state_.skipped; }
  const State& state() const { return state_; }
  /// Goes on from a saved state.
  void load_state(const State& state) { state_ = state; }

 private:
  StepGuardOptions options_;
  State state_;
};

}  // namespace unroll
