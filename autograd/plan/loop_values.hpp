#pragma once  // internal
/// \file The values of all steps of a loop: where each lies, and how they are computed.

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/plan/loop_program.hpp"

namespace unroll::detail {

/// What a loop runs on.
template <class T>
struct LoopInputs {
  Variable<T> x;                    ///< (steps, …): the inputs of all steps, in order of memory
  std::vector<Variable<T>> before;  ///< what is carried into the first step
  T* hidden;  ///< (steps, …): memory for the outputs, in order of memory, room behind it
  Ref<Block> hidden_storage;
  bool reverse;  ///< the first step is the last in memory
};

/// The values of a step lie in a block of their own, the outputs in the memory that they are wanted in.
template <class T>
class LoopValues {
 public:
  using Program = LoopProgram<T>;
  LoopValues() = default;
  LoopValues(std::shared_ptr<const Program> program, LoopInputs<T> inputs);

  const Program& program() const { return *program_; }
  explicit operator bool() const { return static_cast<bool>(program_); }
  index_t steps() const { return steps_; }
  bool reverse() const { return inputs_.reverse; }
  /// Where `step` has something; `before` and values also of step −1.
  T* at(const LoopPlace& place, index_t step) const;
  /// How far apart two steps have it.
  index_t stride(const LoopPlace& place) const;
  /// The memory that it lies in.
  const Ref<Block>& storage(const LoopPlace& place) const;
  /// The number of a step in order of memory.
  index_t in_memory(index_t step) const { return inputs_.reverse ? steps_ - 1 - step : step; }
  /// x of a step as expressions read it, with room behind it: where whole batches would go beyond the end, a copy.
  T* x_at(index_t step) const;
  /// Room for a result that nobody reads.
  T* spare() const { return static_cast<T*>(block_->data()) + spare_at_; }
  /// Puts the output of a step into its place, where it was not computed there.
  void publish(index_t step);

 private:
  T* constants_at(std::size_t number) const {
    return static_cast<T*>(constants_->data()) + constant_at_[number];
  }
  void place_values();
  void copy_constants();
  void begin();

  std::shared_ptr<const Program> program_;
  LoopInputs<T> inputs_;
  index_t steps_ = 0, unit_x_ = 0, unit_hidden_ = 0;
  bool hidden_in_place_ = false;
  Ref<Block> block_, constants_, x_copy_;
  index_t step_size_ = 0, spare_at_ = 0;
  index_t copied_ = 0;  // slices of x that x_copy_ has
  PoolVector<index_t> value_at_, constant_at_;
};

/// `size`, up to whole batches of any expression.
template <class T>
index_t with_whole_batches(index_t size) {
  constexpr index_t lanes = 64 / sizeof(T);
  return (size + lanes - 1) / lanes * lanes;
}

extern template class LoopValues<float>;
extern template class LoopValues<double>;

}  // namespace unroll::detail
