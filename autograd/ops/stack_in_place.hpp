#pragma once  // internal
/// \file A stack of values that are computed one after another, each of them where it belongs in the stack: its
/// slices are the values themselves, values and gradients alike, so that nothing is copied.

#include <string>
#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

/// What:   y = (v_1, …, v_n). Either each v is one slice of y (n, …), or, joined, it is several rows of y, which
///         all v share out among them.
/// Each v is computed between begin() and add(), on the thread that made the stack. Which of the values
/// computed meanwhile is v is learned from the first (by its number among them); a wrong guess costs a copy,
/// nothing else.
template <class T>
class StackInPlace final : public OutputAllocator<T> {
 public:
  /// Of `units` slices or rows in all; `name` is the op's.
  StackInPlace(const char* name, index_t units, bool joined);
  ~StackInPlace() override;
  StackInPlace(const StackInPlace&) = delete;
  StackInPlace& operator=(const StackInPlace&) = delete;

  /// The next value is to be `count` units from number `first` on.
  void begin(index_t first, index_t count = 1);
  /// It is v: of the shape of all, of rank 4 at most; joined, (count, …).
  void add(const Variable<T>& v);
  /// Whether the last value added lies in its place; then there is memory for what follows.
  bool in_place() const { return values_.back()->data == slice(); }
  /// Several values at once, `count` units from number `first` on: the memory where they are to be computed, and then
  /// an array (count, …) over it.
  T* memory(index_t first) const { return data_ + first * unit_.size(); }
  const Ref<Block>& storage() const { return storage_; }
  void add_together(const Variable<T>& values, index_t first);
  /// The stack, recorded as one op over the values.
  Variable<T> finish();

  TensorRef<T> allocate(const Shape& shape) override;

 private:
  T* slice() const { return data_ + first_ * unit_.size(); }
  Shape expected() const { return joined_ ? unit_.inserted(0, count_) : unit_; }
  void start(const Variable<T>& v);
  void allocate_stack();
  void move_away();

  const char* name_;
  PoolVector<TensorRef<T>> values_;
  PoolVector<index_t> places_;                // the first unit of each
  std::vector<const Tensor<T>*> candidates_;  // what was computed before the first value was added, in order
  OutputAllocator<T>* outer_;
  Ref<Block> storage_;
  T* data_ = nullptr;
  Shape unit_;
  index_t units_, first_ = 0, count_ = 1;
  bool joined_;
  bool occupied_ = false;  // the present slice was given to a value
  std::size_t allocated_ = 0, chosen_ = ~std::size_t{0};
};

extern template class StackInPlace<float>;
extern template class StackInPlace<double>;

}  // namespace unroll::detail
