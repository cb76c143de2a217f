#pragma once
/// \file The guides' pictures: each function runs what its picture shows, and draws it. The figures are in
/// docs/pictures.md.

#include "unroll/report/figure.hpp"

namespace unroll::pictures {

/// How thoroughly networks are trained: 1 as in the guides; less for a quick look.
struct Effort {
  double share = 1;
  /// Of so many updates, at least one.
  int updates(int whole) const { return share * whole < 1 ? 1 : static_cast<int>(share * whole); }
};

/// How much of the gradient of a loss arrives at the states before, for several cells.
report::Figure gradient_by_lag();
/// Gates of a unit that learned to tell what stands in quotation marks, over a sentence.
report::Figure gates_over_a_text(const Effort& effort);
/// What a decoder attends to that learned to write words backward.
report::Figure alignment(const Effort& effort);
/// The error of four cells while they learn to add two marked numbers.
report::Figure losses_of_cells(const Effort& effort);
/// Where a state of two numbers goes: to 0, around a circle, to one of four points.
report::Figure trajectories();
/// What truncated back-propagation leaves out of the gradient of each state.
report::Figure truncation();

}  // namespace unroll::pictures
