#include "unroll/layers/gate_saturation.hpp"

#include <algorithm>

#include "unroll/autograd/error.hpp"

namespace unroll {

GateSaturation::GateSaturation(double margin) : margin_(margin) {
  if (!(margin >= 0 && margin <= 0.5))
    raise<UsageError>("gate saturation: need 0 ≤ margin ≤ ½; got {}", margin);
}

std::vector<GateSaturation::Gate> GateSaturation::gates() const {
  std::vector<Gate> gates;
  for (const Seen& s : seen_) gates.push_back(s.gate);
  return gates;
}

void GateSaturation::begin(std::span<const detail::Part> inputs) {
  place_ = detail::Place::current;
  if (!place_ || place_->projecting) return;
  if (run_ != place_->run || step_ != place_->step) before_ = 0;
  run_ = place_->run;
  step_ = place_->step;
  inputs_.assign(inputs.begin(), inputs.end());
  activations_.clear();
}

void GateSaturation::see(const detail::OpOutcome& outcome) {
  const std::string_view op = outcome.op;
  if (!place_ || place_->projecting || (op != "sigmoid" && op != "tanh")) return;
  auto at = std::find(activations_.begin(), activations_.end(), outcome.number);
  if (at == activations_.end()) at = activations_.insert(at, outcome.number);
  Gate& gate = gate_of(outcome, before_ + static_cast<int>(at - activations_.begin()));
  const double low = op == "tanh" ? -1 + margin_ : margin_, high = 1 - margin_;
  for (const double y : outcome.values) {
    ++gate.count;
    gate.low += y < low;
    gate.high += y > high;
  }
}

void GateSaturation::end() { before_ += static_cast<int>(activations_.size()), activations_.clear(); }

GateSaturation::Gate& GateSaturation::gate_of(const detail::OpOutcome& outcome, int number) {
  const auto mine = [&](const Seen& s) {
    return s.number == number && s.gate.layer == run_->path && s.gate.function == outcome.op;
  };
  auto at = std::find_if(seen_.begin(), seen_.end(), mine);
  if (at == seen_.end()) {
    const detail::Part part = detail::common_part(outcome.inputs, inputs_);
    std::string name = part.count > 1 ? place_->gate(part) : fmt::format("{} {}", outcome.op, number + 1);
    at = seen_.insert(at, {number, {run_->path, std::move(name), std::string(outcome.op)}});
  }
  return at->gate;
}

}  // namespace unroll
