#pragma once
/// \file The stacked output of scan, (T, B, H): its slices are the hidden states themselves, values and
/// gradients alike, so that nothing is copied.

#include <vector>

#include "autograd/variable.hpp"

namespace unroll::detail {

/// Collects h_t at slice t. Which value of a step becomes h_t is learned from the first step (by its
/// number among the step's results); a wrong guess costs a copy, nothing else.
template <class T>
class StackOutput final : public Placement<T> {
 public:
  explicit StackOutput(index_t steps);
  ~StackOutput() override;
  StackOutput(const StackOutput&) = delete;
  StackOutput& operator=(const StackOutput&) = delete;

  /// Before and after step number t (in order of time; `slot` is its place in the output).
  void begin_step(index_t slot);
  void end_step(const Variable<T>& h);
  /// The output (T, …), recorded as one op over the hidden states.
  Variable<T> finish();

  TensorRef<T> next(const Shape& shape) override;

 private:
  T* slice() const { return data_ + slot_ * shape_.size(); }
  void allocate();
  void move_away();

  std::vector<TensorRef<T>> outputs_;   // by slot
  std::vector<const Tensor<T>*> seen_;  // results of the first step, in order
  Placement<T>* before_;
  Ref<Block> storage_;
  T* data_ = nullptr;
  Shape shape_;
  index_t steps_, slot_ = 0, done_ = 0;
  bool occupied_ = false;  // this step's slice was given to a result
  std::size_t count_ = 0, chosen_ = ~std::size_t{0};
};

extern template class StackOutput<float>;
extern template class StackOutput<double>;

}  // namespace unroll::detail
