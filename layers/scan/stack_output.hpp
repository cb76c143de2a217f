#pragma once  // internal
/// \file The stacked output of scan: its slices are the hidden states themselves, values and gradients alike,
/// so that nothing is copied.

#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

/// Collects the results of steps. Either each step's result h is one slice of the output (T, …), or, joined,
/// it is several rows of an output (N, …) that all steps share out among them.
/// Which value of a step becomes the result is learned from the first step (by its number among the step's
/// values); a wrong guess costs a copy, nothing else.
template <class T>
class StackOutput final : public Placement<T> {
 public:
  /// `units` slices or rows in all.
  StackOutput(index_t units, bool joined);
  ~StackOutput() override;
  StackOutput(const StackOutput&) = delete;
  StackOutput& operator=(const StackOutput&) = delete;

  /// Before and after a step whose result is `count` units from number `first` on.
  void begin_step(index_t first, index_t count = 1);
  void end_step(const Variable<T>& h);
  /// The output, recorded as one op over the results.
  Variable<T> finish();

  TensorRef<T> next(const Shape& shape) override;

 private:
  T* slice() const { return data_ + first_ * unit_.size(); }
  Shape expected() const { return joined_ ? unit_.inserted(0, count_) : unit_; }
  void start(const Variable<T>& h);
  void allocate();
  void move_away();

  PoolVector<TensorRef<T>> outputs_;
  PoolVector<index_t> places_;          // the first unit of each
  std::vector<const Tensor<T>*> seen_;  // values of the first step, in order
  Placement<T>* before_;
  Ref<Block> storage_;
  T* data_ = nullptr;
  Shape unit_;
  index_t units_, first_ = 0, count_ = 1;
  bool joined_;
  bool occupied_ = false;  // this step's slice was given to a value
  std::size_t values_ = 0, chosen_ = ~std::size_t{0};
};

extern template class StackOutput<float>;
extern template class StackOutput<double>;

}  // namespace unroll::detail
