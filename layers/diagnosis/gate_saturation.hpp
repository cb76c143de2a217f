#pragma once
/// \file Gates that are stuck open or shut: how many of their activations are saturated.

#include <string>
#include <vector>

#include "unroll/detail/autograd/fused/observer.hpp"
#include "unroll/detail/layers/scan/step_context.hpp"

namespace unroll {

/// What:   counts the outcomes of every sigmoid and tanh in the steps that scan makes on this thread while
///         this lives, for any cell written with them:
///
///     GateSaturation saturation;
///     rnn(x);
///     for (const auto& g : saturation.gates()) show(g.layer, g.name, g.low_share(), g.high_share());
///
/// Saturated is a sigmoid below `margin` or above 1 − margin, a tanh below −1 + margin or above 1 − margin.
/// Errors: UsageError for a margin that is not in 0 … ½.
/// Cost:   expressions are computed again for it. With recomputation a step counts each time it is computed.
class GateSaturation final : private detail::Observer {
 public:
  /// How often a gate was at its ends.
  struct Gate {
    std::string layer;       ///< "layer 0", "layer 0 reverse"; names of NameScopes come first
    std::string name;        ///< "f"; "2 of 4" where the cell does not name its gates; "tanh 5" for the
                             ///< fifth activation of a step, which is of no gate alone
    std::string function;    ///< "sigmoid", "tanh"
    std::int64_t count = 0;  ///< outcomes: steps · batch · units
    std::int64_t low = 0;    ///< saturated at the lower end
    std::int64_t high = 0;   ///< saturated at the upper end
    /// low / count.
    double low_share() const { return static_cast<double>(low) / static_cast<double>(count); }
    /// high / count.
    double high_share() const { return static_cast<double>(high) / static_cast<double>(count); }
  };

  /// Counts from now on.
  explicit GateSaturation(double margin = 0.05);
  /// In the order in which they were first computed.
  std::vector<Gate> gates() const;
  /// Counts anew.
  void clear() { seen_.clear(); }

 private:
  struct Seen {
    int number;  // among the activations of a step
    Gate gate;
  };
  void begin(std::span<const detail::ColumnBlock> inputs) override;
  void visit(const detail::OpValues& computed) override;
  void end() override;
  Gate& gate_of(const detail::OpValues& computed, int number);

  double margin_;
  std::vector<Seen> seen_;
  // The step of the latest expression that is a part of one, and whether the present expression is.
  std::shared_ptr<const detail::Recurrence> recurrence_;
  index_t step_number_ = -1;
  std::shared_ptr<const detail::StepContext> step_;
  std::vector<detail::ColumnBlock> inputs_;
  std::vector<int> activations_;  // ops of the expression that are some
  int before_ = 0;                // activations of the step in earlier expressions
};

}  // namespace unroll
