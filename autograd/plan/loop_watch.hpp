#pragma once  // internal
/// \file How a time loop learns what its steps do: from the first three, which are recorded as always.

#include <optional>

#include "unroll/detail/autograd/core/host_reads.hpp"
#include "unroll/detail/autograd/plan/loop_node.hpp"
#include "unroll/detail/autograd/plan/loop_recorder.hpp"

namespace unroll::detail {

/// Looks at the first steps of a loop. The first may begin from constants; the next two must be the same program,
/// which then is that of all others.
template <class T>
class LoopWatch {
 public:
  /// Steps that are recorded before the others run by the program; shorter loops than `least` are not worth it.
  static constexpr index_t recorded = 3, least = 32;

  /// `obstacle`: why the loop does not do the same with each of its steps; null where it does.
  LoopWatch(const char* obstacle, index_t steps);

  /// Before step n and after it, with its input, which meanwhile must have no other holder: it may be overwritten. The
  /// second says whether all others may run by program().
  void begin(index_t n, std::vector<Variable<T>> state) {
    if (active_ && n > 0) begin_step(std::move(state));
  }
  bool end(index_t n, const Variable<T>& x, std::vector<Variable<T>> state, const Variable<T>& output) {
    return active_ && n > 0 && end_step(n, x, std::move(state), output);
  }
  bool active() const { return active_; }
  std::shared_ptr<const LoopProgram<T>> program() const { return program_; }
  /// What is carried on, from the members of the state, and the other way round.
  std::vector<Variable<T>> carried(const std::vector<Variable<T>>& state) const;
  std::vector<Variable<T>> members(const std::vector<Variable<T>>& carried) const;

 private:
  void begin_step(std::vector<Variable<T>> state);
  bool end_step(index_t n, const Variable<T>& x, std::vector<Variable<T>> state, const Variable<T>& output);
  bool give_up(const std::string& why);
  bool escapes() const;
  bool learn();
  void compare(index_t n, std::string what) const;
  std::string beside_ops() const;

  bool active_, checked_;
  index_t count_;
  std::optional<HostReads> reads_;
  std::size_t place_ = 0;
  LoopStep<T> steps_[2];
  std::shared_ptr<const LoopProgram<T>> program_;
};

}  // namespace unroll::detail
