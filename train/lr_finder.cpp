#include "unroll/train/lr_finder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "unroll/autograd/error.hpp"

namespace unroll {

LrFinder::LrFinder(const LrFinderOptions& options) : options_(options) {
  if (!(options.lowest > 0 && options.highest > options.lowest && std::isfinite(options.highest)) ||
      options.steps < 2 || !(options.smoothing >= 0 && options.smoothing < 1) || !(options.divergence > 1))
    raise<UsageError>(
        "learning rate finder: need 0 < lowest < highest, at least 2 steps, a smoothing in [0, 1) and a "
        "divergence "
        "above 1; got {} to {} in {} steps, {}, {}",
        options.lowest, options.highest, options.steps, options.smoothing, options.divergence);
}

double LrFinder::rate() const {
  const double part = static_cast<double>(points_.size()) / static_cast<double>(options_.steps - 1);
  return options_.lowest * std::pow(options_.highest / options_.lowest, part);
}

bool LrFinder::observe(double loss) {
  if (!std::isfinite(loss)) return false;
  sum_ = options_.smoothing * sum_ + loss;
  weight_ = options_.smoothing * weight_ + 1;
  points_.push_back({rate(), loss, sum_ / weight_});
  const double smooth = points_.back().smooth, least = lowest().smooth;
  const bool diverged =
      smooth > points_.front().loss && smooth > least + (options_.divergence - 1) * std::abs(least);
  return !diverged && std::ssize(points_) < options_.steps;
}

const LrPoint& LrFinder::lowest() const {
  if (points_.empty()) raise<UsageError>("learning rate finder: no loss was observed that is finite");
  return *std::ranges::min_element(points_, {}, &LrPoint::smooth);
}

std::optional<double> LrFinder::suggestion() const {
  const LrPoint& best = lowest();
  const bool falls = best.smooth < points_.front().smooth;
  return falls && &best != &points_.back() ? std::optional(best.rate / 10) : std::nullopt;
}

LrFinder find_learning_rate(RunTask& task, const std::function<void(double)>& probe,
                            const LrFinderOptions& options, const std::function<bool()>& stop) {
  LrFinder finder(options);
  const std::int64_t per_epoch = task.steps_per_epoch();
  for (std::int64_t step = 0;; ++step) {
    probe(finder.rate());
    if (!finder.observe(task.train_step(step / per_epoch, step % per_epoch).loss)) break;
    if (stop && stop()) break;
  }
  return finder;
}

std::string to_csv(const std::vector<LrPoint>& points) {
  std::string text = "learning_rate,loss,smoothed_loss\n";
  for (const LrPoint& p : points) text += fmt::format("{},{},{}\n", p.rate, p.loss, p.smooth);
  return text;
}

std::string to_bars(const std::vector<LrPoint>& points, int lines, int width) {
  std::string text;
  if (points.empty() || lines < 1 || width < 1) return text;
  const auto [low, high] = std::ranges::minmax(points, {}, &LrPoint::smooth);
  const double begin = points.front().smooth, fall = begin - low.smooth;
  // What is far above the beginning would make the rest look flat.
  const double top = fall > 0 ? std::min(high.smooth, begin + fall / 4) : high.smooth;
  const double range = top > low.smooth ? top - low.smooth : 1;
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(lines), points.size());
  for (std::size_t k = 0; k < count; ++k) {
    const LrPoint& p = points[count == 1 ? 0 : k * (points.size() - 1) / (count - 1)];
    const double part = std::min(1.0, (p.smooth - low.smooth) / range);
    text += fmt::format("  {:8.2g}  {:8.4f}  {}{}\n", p.rate, p.smooth,
                        std::string(static_cast<std::size_t>(std::lround(part * width)), '#'),
                        p.smooth > top ? ">" : "");
  }
  return text;
}

}  // namespace unroll
