#pragma once
/// \file Reduction: what a loss is of the losses of single elements.

namespace unroll {

/// What becomes of the losses of single elements.
enum class Reduction { mean, sum, none };

}  // namespace unroll
