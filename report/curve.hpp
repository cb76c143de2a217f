#pragma once
/// \file Long curves in few points, of which no peak is lost.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <vector>

namespace unroll::report {

/// A curve as it is drawn. Steps never fall.
struct Curve {
  std::vector<std::int64_t> steps = {};       ///< of the points
  std::vector<double> values = {};            ///< NaN where the value was not finite
  std::vector<std::int64_t> mean_steps = {};  ///< of the means; none where no point was left out
  std::vector<double> means = {};             ///< of the points that a bucket holds
  std::int64_t count = 0;                     ///< values in all
  std::int64_t not_finite = 0;                ///< of them
  std::int64_t first_not_finite = 0;          ///< the step of the first of those
};

/// What:   takes the points of a curve, however many, and keeps those with the least and the largest value of each
///         bucket, the first and the last point, and each bucket's mean. Buckets hold equally many points, and twice as
///         many whenever there are too many buckets.
/// Cost:   memory for `buckets` buckets; constant time for a point.
class CurveThinner {
 public:
  /// Errors: UsageError for fewer than 2 buckets.
  explicit CurveThinner(std::int64_t buckets = 1024);
  /// The next point.
  void add(std::int64_t step, double value);
  /// The points kept: at most 2 · buckets + 2 values, and one for each bucket in which one was not finite.
  Curve curve() const;

 private:
  struct Bucket {
    std::int64_t low_step = 0, high_step = 0, bad_step = -1;
    double low = 0, high = 0, sum = 0, step_sum = 0;
    std::int64_t count = 0, finite = 0;
  };
  static void merge(Bucket& into, const Bucket& other);
  void halve();

  std::size_t most_;
  std::int64_t width_ = 1;
  std::vector<Bucket> buckets_;
  std::int64_t count_ = 0, not_finite_ = 0, first_not_finite_ = 0;
  std::int64_t first_step_ = 0, last_step_ = 0;
  double first_ = 0, last_ = 0;
};

}  // namespace unroll::report
