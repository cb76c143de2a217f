#pragma once  // internal
/// \file The backward pass of a loop: its steps and their kernels in reverse, over the values that were kept.

#include <optional>
#include <utility>

#include "unroll/detail/autograd/plan/loop_cells.hpp"
#include "unroll/detail/autograd/plan/loop_join.hpp"

namespace unroll::detail {

/// One pass. Each gradient is stored by the first who writes and added to by the others, in the order in which the
/// nodes of a recorded loop would do it: the bits are the same.
template <class T>
class LoopBackward {
 public:
  LoopBackward(const LoopValues<T>& values, LoopGradients<T> gradients);
  void run();

 private:
  using Kernel = LoopKernel<T>;
  /// A kernel, with the numbers of the cells of its inputs and outputs.
  struct Call {
    const Kernel* kernel;
    std::size_t first;  ///< of its pointers
    bool exact;         ///< fused: whole batches would go over something else
    index_t size;       ///< fused: of whole batches
    std::vector<std::size_t> in, out;
    std::vector<char> writes;  ///< to which inputs' gradients; products hand over those of weights and biases
    bool held = false;         ///< the memory of what it has handed over
    std::size_t joined_from = 0;  ///< the first of the calls that it is done as one with
    // As in the last step: whether there was anything to do, what came in, and where it went, also by products.
    bool done = false;
    std::vector<const T*> out_grad = {};
    std::vector<Sink<T>> sinks = {};
  };
  static constexpr std::size_t none = LoopCell<T>::none;

  void make_calls();
  void read_x(index_t step);
  void move_back();
  void prepare(Call& call);
  void compute(Call& call, index_t step);
  void compute_affine(Call& call, index_t step);
  void repeat(index_t step);
  void find_moving();
  void join_calls();
  void join_call(LoopJoin<T>& join, std::size_t i, std::size_t first);
  void compute_joined(const Call& call, const LoopJoin<T>& join);

  const LoopValues<T>& values_;
  const LoopProgram<T>& program_;
  LoopCells<T> cells_;
  std::vector<Call> calls_;
  PoolVector<T*> pointers_;  // values that the kernels read
  PoolVector<index_t> strides_, masks_;
  std::vector<std::pair<std::size_t, index_t>> of_x_;  // which pointers point to x, and where in a step's
  std::vector<std::pair<const T**, index_t>> moving_;  // of the pointers that calls remember
  std::vector<std::optional<LoopJoin<T>>> joins_;      // of the calls that begin here
};

extern template class LoopBackward<float>;
extern template class LoopBackward<double>;

}  // namespace unroll::detail
