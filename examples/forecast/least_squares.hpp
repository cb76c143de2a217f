#pragma once
/// \file Linear regression in double precision.

#include <cstdint>
#include <span>
#include <vector>

namespace unroll::forecast {

/// Collects rows of a regression and solves it; memory is that of a matrix (D, D), however many rows there are.
class LeastSquares {
 public:
  /// For `size` numbers in a row, a constant among them if there is to be one.
  explicit LeastSquares(std::int64_t size);

  /// A row x and what is to come out of it.
  void add(std::span<const double> x, double y);
  std::int64_t rows() const { return rows_; }

  /// What:   w, for which Σ (y − w·x)² is smallest; of several such w the shortest.
  /// Errors: UsageError if there are no rows.
  std::vector<double> solve() const;

 private:
  std::int64_t rows_ = 0;
  std::vector<double> products_, targets_;  // Σ x xᵀ (D, D), and Σ x y
};

}  // namespace unroll::forecast
