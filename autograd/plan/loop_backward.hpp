#pragma once  // internal
/// \file The backward pass of a loop: its steps and their kernels in reverse, over the values that were kept.

#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/plan/loop_join.hpp"
#include "unroll/detail/autograd/plan/loop_values.hpp"

namespace unroll::detail {

/// What a pass starts from and where it ends.
template <class T>
struct LoopGradients {
  const T* hidden;  ///< (steps, …) in order of memory: of all outputs; null where there is none
  std::vector<const T*> carried;   ///< of what the last step carries on; null where there is none
  Tensor<T>* x;                    ///< null where no gradient is wanted, as in all that follow
  std::vector<Tensor<T>*> before;  ///< of what was carried into the first step
  std::vector<Tensor<T>*> constants;
};

/// One pass. Each gradient is stored by the first who writes and added to by the others, in the order in which the
/// nodes of a recorded loop would do it: the bits are the same.
template <class T>
class LoopBackward {
 public:
  LoopBackward(const LoopValues<T>& values, LoopGradients<T> gradients);
  void run();

 private:
  using Kernel = LoopKernel<T>;
  using Program = LoopProgram<T>;

  /// A gradient, as it is for the step that is being done.
  struct Cell {
    T* data = nullptr;
    index_t size = 0, stride = 0;  ///< stride: from one step to the next
    bool wanted = false, written = false;
    bool tight = false;           ///< no room behind it
    Tensor<T>* tensor = nullptr;  ///< where it goes at the end
    bool open = false;            ///< what the tensor had has been read
    std::size_t whole = none;
    std::vector<std::size_t> parts = {};
  };
  static constexpr std::size_t none = ~std::size_t{0};
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

  std::size_t number_of(const LoopPlace& p) const;
  Cell& cell(const LoopPlace& p) { return cells_[number_of(p)]; }
  bool reaches_input() const;
  void want();
  void make_cells();
  void place_products();
  void place_parts();
  void make_calls();
  void open(Cell& c);
  T* write(Cell& c, bool from_zero, bool& add);
  const T* read(Cell& c);
  void start(Cell& c, const T* from, bool add);
  void begin_step(index_t step);
  void end_step(index_t step);
  void begin_x(index_t step);
  void end_x(index_t step);
  void read_x(index_t step);
  void move_back();
  void run(Call& call, index_t step);
  void compute(Call& call, index_t step);
  void compute_affine(Call& call, index_t step);
  void repeat(index_t step);
  void find_moving();
  void join_calls();
  void join_call(LoopJoin<T>& join, std::size_t i, std::size_t first);
  void compute_joined(const Call& call, const LoopJoin<T>& join);
  void set_written(const std::vector<bool>& flags);
  std::vector<bool> written() const;
  void close(Cell& c);

  const LoopValues<T>& values_;
  const Program& program_;
  LoopGradients<T> to_;
  std::vector<Cell> cells_;  // x, before, values, constants
  Ref<Block> room_, kept_, x_storage_;
  GradSlot<T> x_slot_ = {};
  bool x_is_copied_ = false, x_is_shared_ = false;
  // Of the last step: whether zeros were filled in, x's gradient was written, and which gradients were carried on.
  bool filled_ = false, x_done_ = false;
  std::vector<std::pair<std::size_t, std::size_t>> carried_done_;
  std::vector<std::pair<const T**, index_t>> moving_;
  std::vector<std::pair<std::size_t, index_t>> of_x_;  // which pointers point to x, and where in a step's
  std::vector<std::size_t> strided_;                   // cells
  PoolVector<T*> pointers_;                            // values that the kernels read
  PoolVector<index_t> strides_, masks_;
  std::vector<Call> calls_;
  std::vector<std::optional<LoopJoin<T>>> joins_;  // of the calls that begin here
};

extern template class LoopBackward<float>;
extern template class LoopBackward<double>;

}  // namespace unroll::detail
