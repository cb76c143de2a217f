#include "unroll/layers/gate_saturation.hpp"

#include <algorithm>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/fused/code.hpp"

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

void GateSaturation::begin(std::span<const detail::ColumnBlock> inputs) {
  step_ = detail::StepContext::current();
  if (step_ && step_->projecting) step_ = nullptr;
  if (!step_) return;
  if (recurrence_ != step_->recurrence || step_number_ != step_->step) before_ = 0;
  recurrence_ = step_->recurrence;
  step_number_ = step_->step;
  inputs_.assign(inputs.begin(), inputs.end());
  activations_.clear();
}

void GateSaturation::visit(const detail::OpValues& computed) {
  if (!step_ || (computed.op != detail::ScalarOp::sigmoid && computed.op != detail::ScalarOp::tanh)) return;
  auto at = std::find(activations_.begin(), activations_.end(), computed.number);
  if (at == activations_.end()) at = activations_.insert(at, computed.number);
  Gate& gate = gate_of(computed, before_ + static_cast<int>(at - activations_.begin()));
  const double low = computed.op == detail::ScalarOp::tanh ? -1 + margin_ : margin_, high = 1 - margin_;
  for (const double y : computed.values) {
    ++gate.count;
    gate.low += y < low;
    gate.high += y > high;
  }
}

void GateSaturation::end() { before_ += static_cast<int>(activations_.size()), activations_.clear(); }

GateSaturation::Gate& GateSaturation::gate_of(const detail::OpValues& computed, int number) {
  const std::string_view function = detail::facts_of(computed.op).name;
  const auto mine = [&](const Seen& s) {
    return s.number == number && s.gate.layer == recurrence_->path && s.gate.function == function;
  };
  auto at = std::find_if(seen_.begin(), seen_.end(), mine);
  if (at == seen_.end()) {
    const detail::ColumnBlock block = detail::common_block(computed.inputs, inputs_);
    std::string name = block.is_whole() ? fmt::format("{} {}", function, number + 1) : step_->gate(block);
    at = seen_.insert(at, {number, {recurrence_->path, std::move(name), std::string(function)}});
  }
  return at->gate;
}

}  // namespace unroll
