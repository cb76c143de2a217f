#include "unroll/detail/autograd/plan/loop_mode.hpp"

namespace unroll::detail {

std::atomic<LoopReport*> LoopReport::innermost{nullptr};

LoopReport::LoopReport() : outer_(innermost.exchange(this)) {}
LoopReport::~LoopReport() { innermost = outer_; }

std::vector<std::string> LoopReport::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

void LoopReport::tell(std::string entry) {
  LoopReport* const report = innermost;
  if (!report) return;
  const std::lock_guard lock(report->mutex_);
  report->entries_.push_back(std::move(entry));
}

}  // namespace unroll::detail
