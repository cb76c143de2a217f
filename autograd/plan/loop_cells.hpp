#pragma once  // internal
/// \file The gradients of a loop's step: where each lies, who has written, and how they go from step to step.

#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/plan/loop_values.hpp"

namespace unroll::detail {

/// What a pass starts from and where it ends.
template <class T>
struct LoopGradients {
  const T*
      hidden;  ///< (steps − 1, …) in order of memory: of all outputs but the last; null where there is none
  std::vector<const T*> carried;   ///< of what the last step carries on; null where there is none
  Tensor<T>* x;                    ///< null where no gradient is wanted, as in all that follow
  std::vector<Tensor<T>*> before;  ///< of what was carried into the first step
  std::vector<Tensor<T>*> constants;
};

/// A gradient, as it is for the step that is being done.
template <class T>
struct LoopCell {
  static constexpr std::size_t none = ~std::size_t{0};
  T* data = nullptr;
  index_t size = 0, stride = 0;  ///< stride: from one step to the next
  bool wanted = false, written = false;
  bool tight = false;           ///< no room behind it
  Tensor<T>* tensor = nullptr;  ///< where it goes at the end
  bool open = false;            ///< what the tensor had has been read
  std::size_t whole = none;
  std::vector<std::size_t> parts = {};
};

/// The gradients of x, of what is carried into a step, of the values and of the constants.
template <class T>
class LoopCells {
 public:
  using Cell = LoopCell<T>;
  LoopCells(const LoopValues<T>& values, LoopGradients<T> gradients);

  std::size_t number_of(const LoopPlace& p) const;
  Cell& operator[](std::size_t number) { return cells_[number]; }
  const Cell& operator[](std::size_t number) const { return cells_[number]; }
  /// Where the next contribution goes: stored unless `add`; with `from_zero` it is added to zeros.
  T* write(Cell& c, bool from_zero, bool& add);
  /// The whole gradient, 0 where nobody wrote; null where nobody wrote anything.
  const T* read(Cell& c);

  /// The last step comes first: what the pass starts from.
  void start();
  void begin_step(index_t step);
  void end_step(index_t step);
  /// The same for a step in which everything happens as in the one before.
  void begin_repeated(index_t step);
  void end_repeated(index_t step);
  /// Behind the first step, which comes last.
  void finish();

  /// Which gradients are written; and whether zeros have been filled in since this was last asked.
  std::vector<bool> written() const;
  void set_written(const std::vector<bool>& flags);
  bool take_filled() { return std::exchange(filled_, false); }

  /// Whether products write their gradients to that of x, and the memory that a product's gradient lies in.
  bool shares_x() const { return x_is_shared_; }
  const Ref<Block>& storage_of(const LoopKernel<T>& product) const {
    return product.shares_gradient && x_is_shared_ ? x_storage_ : kept_;
  }

 private:
  Cell& cell(const LoopPlace& p) { return cells_[number_of(p)]; }
  bool reaches_input() const;
  void want();
  void make_cells();
  void place_products();
  void place_parts();
  void open(Cell& c);
  void start(Cell& c, const T* from, bool add);
  const T* hidden(index_t step, index_t unit) const;
  void close(Cell& c);
  void begin_x(index_t step);
  void end_x(index_t step);
  void move_back();

  const LoopValues<T>& values_;
  const LoopProgram<T>& program_;
  LoopGradients<T> to_;
  std::vector<Cell> cells_;  // x, before, values, constants
  Ref<Block> room_, kept_, x_storage_;
  GradSlot<T> x_slot_ = {};
  bool x_is_copied_ = false, x_is_shared_ = false;
  // Of the last step: whether zeros were filled in, x's gradient was written, and which gradients were carried on.
  bool filled_ = false, x_done_ = false;
  std::vector<std::pair<std::size_t, std::size_t>> carried_done_;
  std::vector<std::size_t> strided_;  // cells
};

extern template class LoopCells<float>;
extern template class LoopCells<double>;

}  // namespace unroll::detail
