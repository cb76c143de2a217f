#pragma once  // internal
/// \file The context of what scan computes: which recurrence, which of its steps, which gate.

#include <string_view>
#include <vector>

#include "unroll/detail/autograd/core/context.hpp"

namespace unroll::detail {

/// One scan, as observers know it.
struct Recurrence {
  std::string path;  ///< of the NameScopes around it
  bool reverse = false, packed = false;
  bool keeps_states = true;  ///< on the tape; recomputation does not
  index_t gate_columns = 0;
  std::string_view gate_names = {};       ///< "i f g o", or nothing
  std::vector<std::string> members = {};  ///< of the state
};

/// One step of a recurrence, or the projection of its inputs before the first step.
class StepContext final : public Context {
 public:
  StepContext(std::shared_ptr<const Recurrence> of, index_t step_number, bool is_projection)
      : recurrence(std::move(of)), step(step_number), projecting(is_projection) {}
  /// The one that this thread is in; null outside of every observed scan.
  static std::shared_ptr<const StepContext> current() {
    return std::dynamic_pointer_cast<const StepContext>(ContextScope::current());
  }

  /// "f"; "2 of 4" where the gates have no names.
  std::string gate(const ColumnBlock& block) const;
  std::string describe(const ColumnBlock& block) const override;
  std::string describe(const Elements& elements) const override;

  const std::shared_ptr<const Recurrence> recurrence;
  const index_t step;  ///< of the loop; of a projection, the time at which its input begins
  const bool projecting;

 private:
  // Of an array: the gate that all these elements belong to.
  ColumnBlock gate_of(const Elements& elements) const;
  // `time` is −1 where it is not known.
  std::string text(const ColumnBlock& gate, index_t time) const;
};

}  // namespace unroll::detail
