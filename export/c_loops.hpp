#pragma once  // internal
/// \file Loops of the C file over arrays, one in another, as few as the strides allow.

#include <span>
#include <string>
#include <vector>

#include "unroll/autograd/shape.hpp"

namespace unroll::detail {

/// An axis that several arrays are walked along, with the stride of each.
struct CAxis {
  index_t extent;
  std::vector<index_t> strides;
};

/// Axes of extent 1 are left out, and neighbours that all arrays walk in one go are joined.
std::vector<CAxis> joined_axes(std::vector<CAxis> axes);

/// The index of array k, from `first`, in loops over `axes` whose variables are `prefix`0, `prefix`1, …: `64 + 3 * i0 + i1`.
std::string c_index(std::span<const CAxis> axes, std::size_t k, index_t first,
                    const std::string& prefix = "i");

/// Loops over `axes` around the lines of `body`, indented by `depth` levels.
std::string c_loops(std::span<const CAxis> axes, std::span<const std::string> body, int depth,
                    const std::string& prefix = "i");

}  // namespace unroll::detail
