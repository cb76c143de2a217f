#include "common/diagnosis.hpp"

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/no_grad.hpp"
#include "unroll/layers/gate_saturation.hpp"
#include "unroll/layers/gradient_norms.hpp"

namespace unroll::program {

void add_gates(RunDetails& details, const std::function<void()>& forward) {
  const NoGrad off;
  const GateSaturation saturation;
  forward();
  for (const auto& gate : saturation.gates())
    details.gates.push_back({.layer = gate.layer,
                             .name = gate.name,
                             .function = gate.function,
                             .low = gate.low_share(),
                             .high = gate.high_share()});
}

void add_gradients(RunDetails& details, const std::function<Variable<float>()>& loss) {
  try {
    const GradientNorms<float> norms;
    for (auto& series : norms.per_lag(loss()))
      details.gradients.push_back(
          {.layer = series.layer, .member = series.member, .norms = std::move(series.norms)});
  } catch (const UsageError&) {
    // Not every cell can be looked at: the report has no such curve.
  }
}

}  // namespace unroll::program
