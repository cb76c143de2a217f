#pragma once
/// \file Tables for the tests of forecast, and its command lines.

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "program.hpp"

namespace unroll::tests {

/// 1 or less, always the same.
inline double noise_of(int t) { return std::sin(12.9898 * t * t + 4.1414 * t); }

/// Months of a trend with a season and some noise; a row for which `skip` says so is left out.
template <class Skip>
std::string months(int count, Skip&& skip) {
  std::string text = "month,sales\n";
  for (int t = 0; t < count; ++t)
    if (!skip(t))
      text += fmt::format("{}-{:02},{:.4f}\n", 2000 + t / 12, 1 + t % 12,
                          100 + t + 20 * std::sin(std::numbers::pi * t / 6) + noise_of(t));
  return text;
}
inline std::string months(int count) {
  return months(count, [](int) { return false; });
}

/// A small model of `data`, in `out`.
inline program_test::Arguments forecast_training(const std::string& data, const std::string& out,
                                                 const program_test::Arguments& more = {}) {
  return program_test::with(
      {"train", "--data", data, "--out", out, "--horizon", "3", "--window", "12", "--order", "13", "--hidden",
       "4", "--epochs", "3", "--threads", "1", "--overwrite"},
      more);
}

}  // namespace unroll::tests
