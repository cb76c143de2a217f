#include "unroll/train/progress.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

namespace unroll {
namespace {

bool is_terminal(std::FILE* out) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(out)) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

}  // namespace

std::string progress_text(const ProgressState& state) {
  return fmt::format("epoch {}/{} {:5.1f} %  loss {:.4f}  grad norm {:.3f}  {} {}s/s  {} left", state.epoch,
                     state.epochs, 100 * state.epoch_part, state.loss, state.gradient_norm,
                     grouped(std::llround(state.per_second)), state.unit, duration_text(state.seconds_left));
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0 && seconds < 1e12)) return "?";
  const auto whole = std::llround(seconds);
  const auto minutes = whole / 60, hours = whole / 3600;
  if (hours >= 24) return fmt::format("{} d {:02}:{:02}", hours / 24, hours % 24, minutes % 60);
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes % 60, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string grouped(std::int64_t count) {
  std::string digits = fmt::format("{}", count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

void RateMeter::add(double amount, double seconds) {
  constexpr double memory = 5;
  const double keep = std::exp(-seconds / memory);
  amount_ = keep * amount_ + amount;
  seconds_ = keep * seconds_ + seconds;
}

Progress::Progress(std::FILE* out, const Options& options)
    : out_(out), options_(options), live_(options.live.value_or(is_terminal(out))) {}

std::size_t Progress::columns() const {
  winsize size{};
  int columns = options_.columns.value_or(0);
  if (columns == 0 && ioctl(fileno(out_), TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  return columns > 1 ? static_cast<std::size_t>(columns) : 80;
}

void Progress::update(const ProgressState& state, double now) { show(progress_text(state), now); }

void Progress::show(std::string_view line, double now) {
  if (last_ && now - *last_ < (live_ ? options_.live_interval : options_.plain_interval)) return;
  last_ = now;
  std::string text(line);
  if (!live_) return print(text);
  // A line as wide as the terminal would wrap, and then no carriage return takes it back.
  text.resize(std::min(text.size(), columns() - 1));
  put(fmt::format("\r{}\x1b[K", text));
  shown_ = true;
}

void Progress::print(std::string_view line) {
  clear();
  put(fmt::format("{}\n", line));
}

void Progress::put(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), out_) == text.size();
  if ((std::fflush(out_) != 0 || !written) && write_error_ == 0) write_error_ = errno;
}

void Progress::clear() {
  if (!shown_) return;
  put("\r\x1b[K");
  shown_ = false;
}

}  // namespace unroll
