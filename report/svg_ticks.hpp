#pragma once  // internal
/// \file Where the ticks of an axis are, and where a value is on it.

#include <string>
#include <vector>

#include "unroll/report/figure.hpp"

namespace unroll::report::drawing {

/// The part of the numbers that an axis shows, and the pixels it has for them.
struct Span {
  Scale scale = Scale::linear;
  double low = 0, high = 1;          ///< low < high
  double begin = 0, end = 1;         ///< pixels of low and high
  bool holds(double value) const;    ///< whether the axis has a place for it at all
  double place(double value) const;  ///< in pixels
};

/// Collects what an axis is to show.
class Extent {
 public:
  explicit Extent(Scale scale) : scale_(scale) {}
  void add(double value);
  bool empty() const { return !(low_ <= high_); }
  /// By what was added, and `margin` of it more at each end; what the axis itself says goes first.
  /// Errors: UsageError, naming the axis as `side`, if that is no range.
  Span span(const Axis& axis, const char* side, double margin) const;

 private:
  Scale scale_;
  double low_ = 1e301, high_ = -1e301;
};

/// About one in `pixels` pixels.
std::vector<Tick> ticks_of(const Span& span, double pixels);

/// A number in a few characters: 0.25, 1,500, 3·10⁻⁷.
std::string short_number(double value);

}  // namespace unroll::report::drawing
