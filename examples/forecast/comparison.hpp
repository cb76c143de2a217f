#pragma once
/// \file A model's forecasts of the same rows beside those of the baselines.

#include "forecast/dataset.hpp"
#include "forecast/scores.hpp"

namespace unroll::forecast {

/// What to compare.
struct ComparisonOptions {
  std::vector<std::int64_t> steps;  ///< ahead
  std::int64_t season = 0;          ///< rows; 0: no seasonal naive forecast
  std::int64_t order = 0;           ///< of the autoregression; 0: chosen
  double level = 0.9;               ///< of the intervals
};

/// The rows forecast so many steps ahead, and the methods: the model, its linear part, and the baselines, fitted on the rows
/// `trained` of each series.
struct Compared {
  std::int64_t step = 1;
  Rows rows;
  std::vector<Scored> methods;
  std::string first, last;  ///< the times of the rows
};

std::vector<Compared> compare(const Forecaster& model, const Source& source, const Reading& reading,
                              const Preparation& preparation, const Origins& origins,
                              std::span<const RowRange> trained, const ComparisonOptions& options);

}  // namespace unroll::forecast
