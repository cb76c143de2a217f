#pragma once
/// \file Axes: what a reduction reduces.

#include <vector>

namespace unroll {

/// Axes of a reduction, each once, counted from the end where negative; none given means all.
using Axes = std::vector<int>;

}  // namespace unroll
