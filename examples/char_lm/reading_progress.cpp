#include "char_lm/reading_progress.hpp"

#include <fmt/format.h>

#include <chrono>

#include "unroll/train/signals.hpp"

namespace unroll::char_lm {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

ReadingProgress::ReadingProgress(std::string name, std::uint64_t bytes, int passes, bool shown)
    : name_(std::move(name)),
      bytes_(bytes),
      passes_(passes),
      shown_(shown),
      begin_(seconds_now()),
      progress_(stdout) {}

double ReadingProgress::seconds() const { return seconds_now() - begin_; }

void ReadingProgress::reached(int pass, std::uint64_t position) {
  if (!shown_) return;
  if (const int signal = StopSignals::received(); signal != 0) throw Stopped{signal};
  const double part = (pass + static_cast<double>(position) / static_cast<double>(bytes_)) / passes_;
  const double spent = seconds();
  if (spent < 1) return;  // too early for an estimate
  progress_.show(
      fmt::format("reading {}  {:5.1f} %  {:.0f} MB/s  {} left", name_, 100 * part,
                  static_cast<double>(bytes_) * part / 1e6 / spent, duration_text(spent / part - spent)),
      seconds_now());
}

}  // namespace unroll::char_lm
