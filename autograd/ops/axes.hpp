#pragma once
/// \file Axes: what a reduction reduces.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <initializer_list>
#include <utility>
#include <vector>

namespace unroll {

/// Axes of a reduction, each once, counted from the end where negative; none given means all.
class Axes {
 public:
  /// All of them.
  Axes() = default;
  /// One.
  Axes(int axis) : axes_{axis} {}  // NOLINT: implicit on purpose
  /// Several.
  Axes(std::initializer_list<int> axes) : axes_(axes) {}
  /// The same.
  Axes(std::vector<int> axes) : axes_(std::move(axes)) {}  // NOLINT: implicit on purpose

  /// Whether none is given, which means all.
  bool empty() const { return axes_.empty(); }
  /// The first.
  const int* begin() const { return axes_.data(); }
  /// Behind the last.
  const int* end() const { return axes_.data() + axes_.size(); }

 private:
  std::vector<int> axes_;
};

}  // namespace unroll
