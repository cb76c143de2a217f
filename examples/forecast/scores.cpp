#include "forecast/scores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace unroll::forecast {
namespace {

std::string number(double x, const char* format = "{:.4g}") {
  return std::isfinite(x) ? fmt::format(fmt::runtime(format), x) : "-";
}

/// Five digits, but no more of them behind the point than the size asks for.
std::string sized(double x) {
  if (!std::isfinite(x)) return "-";
  const double size = std::abs(x);
  return size >= 1e6 || (size < 1e-3 && size > 0) ? fmt::format("{:.3e}", x)
         : size >= 1000                           ? fmt::format("{:.1f}", x)
         : size >= 100                            ? fmt::format("{:.2f}", x)
         : size >= 10                             ? fmt::format("{:.3f}", x)
                                                  : fmt::format("{:.4f}", x);
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.1f} %", 100 * share) : "-";
}

}  // namespace

Figures figures_of(const Rows& rows, const Scored& method) {
  Figures f;
  double squares = 0, sizes = 0, scaled = 0, with_scale = 0, inside = 0, with_interval = 0;
  for (std::size_t i = 0; i < rows.truth.size(); ++i) {
    const double error = rows.truth[i] - method.forecasts[i];
    if (std::isnan(error)) continue;
    ++f.count, squares += error * error, sizes += std::abs(error);
    if (rows.scale[i] > 0) scaled += std::abs(error) / rows.scale[i], ++with_scale;
    if (std::isnan(method.low[i])) continue;
    ++with_interval, inside += rows.truth[i] >= method.low[i] && rows.truth[i] <= method.high[i];
  }
  const auto n = static_cast<double>(f.count);
  f.rmse = std::sqrt(squares / n), f.mae = sizes / n;
  f.mase = scaled / with_scale, f.covered = inside / with_interval;
  return f;
}

RobustMean robust_mean(std::span<const double> d, std::int64_t lags) {
  const auto n = static_cast<double>(d.size());
  double mean = 0;
  for (const double x : d) mean += x / n;
  double variance = 0;
  for (std::int64_t k = 0; k <= lags && k < std::ssize(d); ++k) {
    double covariance = 0;
    for (std::size_t t = static_cast<std::size_t>(k); t < d.size(); ++t)
      covariance += (d[t] - mean) * (d[t - static_cast<std::size_t>(k)] - mean) / n;
    variance += (k == 0 ? 1 : 2 * (1 - static_cast<double>(k) / static_cast<double>(lags + 1))) * covariance;
  }
  return {mean, std::sqrt(std::max(variance, 0.) / n)};
}

RobustMean difference_of_squares(const Rows& rows, const Scored& a, const Scored& b, std::int64_t step) {
  std::vector<double> d;
  for (std::size_t i = 0; i < rows.truth.size(); ++i) {
    const double of_a = rows.truth[i] - a.forecasts[i], of_b = rows.truth[i] - b.forecasts[i];
    if (!std::isnan(of_a) && !std::isnan(of_b)) d.push_back(of_a * of_a - of_b * of_b);
  }
  const auto least = static_cast<std::int64_t>(std::cbrt(static_cast<double>(d.size())));
  return robust_mean(d, std::max(step - 1, least));
}

std::string describe(const Rows& rows, std::span<const Scored> methods, std::int64_t step, double level) {
  std::size_t width = 0;
  for (const Scored& method : methods) width = std::max(width, method.name.size());
  std::string text =
      fmt::format("{:<{}}  {:>9}  {:>9}  {:>7}  {:>12}  {:>7}  {}\n", "", width, "RMSE", "MAE", "MASE",
                  fmt::format("{:g} % covers", 100 * level), "ratio", "difference of squares");
  std::vector<std::string> better, alike;
  const Figures own = figures_of(rows, methods[0]);
  for (const Scored& method : methods) {
    const Figures f = figures_of(rows, method);
    text += fmt::format("{:<{}}  {:>9}  {:>9}  {:>7}  {:>12}", method.name, width,
                        f.count > 0 ? sized(f.rmse) : "-", f.count > 0 ? sized(f.mae) : "-",
                        number(f.mase, "{:.3f}"), percent(f.covered));
    if (&method != &methods[0] && f.count > 0) {
      const RobustMean d = difference_of_squares(rows, methods[0], method, step);
      text +=
          fmt::format("  {:>7}  {} ± {}", number(own.rmse / f.rmse, "{:.4f}"), sized(d.mean), sized(d.error));
      // Where both forecast the same there is nothing to tell them apart.
      if (d.mean >= 0)
        better.push_back(method.name);
      else if (-d.mean < 2 * d.error)
        alike.push_back(method.name);
    }
    text += "\n";
  }
  const auto joined = [](const std::vector<std::string>& names) {
    return fmt::format("{}", fmt::join(names, "; "));
  };
  if (!better.empty()) text += "not better than: " + joined(better) + "\n";
  if (!alike.empty()) text += "better by less than two standard errors than: " + joined(alike) + "\n";
  if (better.empty() && alike.empty()) text += "better than all of these\n";
  return text;
}

}  // namespace unroll::forecast
