#include "unroll/layers/scan_programs.hpp"

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/plan/loop_mode.hpp"

namespace unroll {

using detail::LoopMode;

ScanMode::ScanMode(ScanSteps steps)
    : before_(static_cast<ScanSteps>(LoopMode::steps.exchange(static_cast<LoopMode::Steps>(steps)))) {}
ScanMode::~ScanMode() { LoopMode::steps = static_cast<LoopMode::Steps>(before_); }

std::string dump_plan(const std::function<void()>& f) {
  if (!f) raise<UsageError>("dump_plan: the function is empty");
  const detail::LoopReport report;
  f();
  std::string text;
  for (const std::string& entry : report.entries()) text += entry;
  return text.empty() ? "no scan of 32 or more steps\n" : text;
}

}  // namespace unroll
