#include "unroll/optim/step_guard.hpp"

#include <cmath>

namespace unroll {

StepGuard::StepGuard(const StepGuardOptions& options) : options_(options) {
  if (!(options.max_norm > 0))
    raise<UsageError>("step_guard: max_norm must be above 0; got {}", options.max_norm);
  if (options.in_a_row == 0) raise<UsageError>("step_guard: in_a_row must be at least 1; got 0");
}

bool StepGuard::allows(double norm) {
  if (std::isfinite(norm) && norm <= options_.max_norm) {
    state_.in_a_row = 0;
    return true;
  }
  ++state_.skipped;
  if (++state_.in_a_row >= options_.in_a_row)
    raise<Error>(
        "step_guard: {} steps in a row had a bad gradient, the last of the norm {}; lower the learning rate, "
        "or run "
        "backward under AnomalyMode to find the op",
        state_.in_a_row, std::isnan(norm) ? std::abs(norm) : norm);
  return false;
}

}  // namespace unroll
