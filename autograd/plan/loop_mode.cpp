#include "unroll/detail/autograd/plan/loop_mode.hpp"

#include <algorithm>

namespace unroll::detail {
namespace {

// The innermost last.
std::mutex& mutex() {
  static std::mutex m;
  return m;
}
std::vector<LoopReport*>& reports() {
  static std::vector<LoopReport*> all;
  return all;
}

}  // namespace

std::atomic<int> LoopReport::count{0};

LoopReport::LoopReport() {
  const std::lock_guard lock(mutex());
  reports().push_back(this);
  ++count;
}
LoopReport::~LoopReport() {
  const std::lock_guard lock(mutex());
  reports().erase(std::find(reports().begin(), reports().end(), this));
  --count;
}

std::vector<std::string> LoopReport::entries() const {
  const std::lock_guard lock(mutex());
  return entries_;
}

void LoopReport::tell(std::string entry) {
  const std::lock_guard lock(mutex());
  if (!reports().empty()) reports().back()->entries_.push_back(std::move(entry));
}

}  // namespace unroll::detail
