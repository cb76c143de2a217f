#pragma once  // internal
/// \file The forward pass of a loop: the kernels of its steps, over the places of their values.

#include <utility>

#include "unroll/detail/autograd/plan/loop_join.hpp"
#include "unroll/detail/autograd/plan/loop_values.hpp"

namespace unroll::detail {

template <class T>
class LoopForward {
 public:
  explicit LoopForward(LoopValues<T>& values);
  void run();

 private:
  using Kernel = LoopKernel<T>;
  /// A kernel with the number of its first pointer: those of its inputs, then those of its outputs.
  struct Call {
    const Kernel* kernel;
    std::size_t first;
    index_t size;       ///< fused: of whole batches
    std::size_t joins;  ///< so many calls from here on are done as one
    std::size_t join;   ///< by which of joins_
  };
  void add_call(const Kernel& kernel);
  void join_calls();
  void read_x(index_t step);
  void compute(const Call& call);
  void compute_joined(const Call& call);
  void compute_affine(const Kernel& kernel, T* const* in, T* y);

  LoopValues<T>& values_;
  const LoopProgram<T>& program_;
  PoolVector<T*> pointers_;
  PoolVector<index_t> strides_, masks_;
  PoolVector<Call> calls_;
  std::vector<LoopJoin<T>> joins_;
  PoolVector<std::pair<std::size_t, index_t>> of_x_;  // which pointers point to x, and where in a step's
};

extern template class LoopForward<float>;
extern template class LoopForward<double>;

}  // namespace unroll::detail
