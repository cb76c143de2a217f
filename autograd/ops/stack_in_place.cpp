#include "unroll/detail/autograd/ops/stack_in_place.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {
namespace {

/// y = (v_1, …, v_n): the value is already in place; the gradients of the v become slices of y's.
template <class T>
class StackNode final : public Node<T> {
 public:
  StackNode(const char* name, PoolVector<index_t> places, index_t unit, bool joined)
      : name_(name), places_(std::move(places)), unit_(unit), joined_(joined) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    Tensor<T>& y = *this->output();
    if (!this->output_grad()) return;
    T* dy = y.grad;
    for (std::size_t k = 0; k < this->input_count(); ++k) {
      Tensor<T>& v = this->input(k);
      T* part = dy + places_[k] * unit_;
      if (!this->wants(k)) continue;
      if (v.grad_state == GradState::none && !v.is_view() && !v.shares_grad() && v.creator &&
          y.grad_storage && !y.observed() && !this->retaining()) {
        v.grad = part;
        v.grad_storage = y.grad_storage;
        v.grad_state = GradState::full;
        continue;
      }
      write_gradient<T>(v, part, v.shape.size(), v.shape.size());
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    std::vector<Variable<T>> dx(this->input_count());
    for (std::size_t k = 0; k < dx.size(); ++k) {
      if (!this->wants(k)) continue;
      const index_t first = places_[k];
      const bool together = joined_ || this->input(k).shape.rank() == dy[0].rank();
      dx[k] = together ? slice(dy[0], 0, first, first + this->input(k).shape[0]) : select(dy[0], 0, first);
    }
    return dx;
  }

  std::string name() const override { return name_; }
  bool plan(StepPlanner<T>& to) const override {
    std::vector<StepMove> moves;
    for (std::size_t k = 0; k < this->input_count(); ++k)
      moves.push_back({k, 0, places_[k] * unit_, {{this->input(k).shape.size(), 1, 1}}});
    to.moves(*this, std::move(moves));
    return true;
  }

 private:
  const char* name_;
  PoolVector<index_t> places_;
  index_t unit_;
  bool joined_;
};

}  // namespace

template <class T>
StackInPlace<T>::StackInPlace(const char* name, index_t units, bool joined)
    : name_(name), outer_(Tape<T>::local().output_allocator), units_(units), joined_(joined) {}

template <class T>
StackInPlace<T>::~StackInPlace() {
  Tape<T>::local().output_allocator = outer_;
}

template <class T>
void StackInPlace<T>::begin(index_t first, index_t count) {
  first_ = first, count_ = count;
  allocated_ = 0;
  occupied_ = false;
  Tape<T>::local().output_allocator = this;
}

template <class T>
TensorRef<T> StackInPlace<T>::allocate(const Shape& shape) {
  const std::size_t number = allocated_++;
  if (number == chosen_ && shape == expected()) {
    occupied_ = true;
    return Tensor<T>::alias(storage_, slice(), shape, shape.size(), shape.size());
  }
  TensorRef<T> t = Tensor<T>::make(shape);
  if (values_.empty()) candidates_.push_back(t.get());
  return t;
}

template <class T>
void StackInPlace<T>::allocate_stack() {
  const index_t total = unit_.inserted(0, units_).size();
  // With room behind it: whoever computes several values at once may write in whole SIMD batches.
  constexpr std::size_t room = 64;
  storage_ = Ref<Block>(Block::allocate(static_cast<std::size_t>(total) * sizeof(T) + room));
  data_ = static_cast<T*>(storage_->data());
}

// The slice holds another value, which the tape may still need: go on in new memory, and guess no more.
template <class T>
void StackInPlace<T>::move_away() {
  const T* old = data_;
  const Ref<Block> keep = storage_;
  allocate_stack();
  current_traffic.copied += bytes_of<T>(unit_.inserted(0, units_).size());
  for (std::size_t k = 0; k < values_.size(); ++k)
    std::copy_n(old + places_[k] * unit_.size(), values_[k]->shape.size(), data_ + places_[k] * unit_.size());
  chosen_ = ~std::size_t{0};
}

// What the first value tells: the shape of all, and which of the values computed meanwhile it is.
template <class T>
void StackInPlace<T>::start(const Variable<T>& v) {
  unit_ = joined_ ? v.shape().without(0) : v.shape();
  allocate_stack();
  const auto found = std::find(candidates_.rbegin(), candidates_.rend(), v.tensor());
  if (found != candidates_.rend()) chosen_ = static_cast<std::size_t>(candidates_.rend() - found) - 1;
  candidates_.clear();
}

template <class T>
void StackInPlace<T>::add(const Variable<T>& v) {
  Tape<T>::local().output_allocator = outer_;
  Tensor<T>& t = *v.tensor();
  const bool first = values_.empty();
  if (first) start(v);
  if (t.data != slice()) {
    if (occupied_) move_away();
    copy_dense(t, slice());
    // The first value moves into its slice; leaves and views stay where they are.
    if (first && chosen_ != ~std::size_t{0} && t.dense() && !t.is_view() && !t.shares_grad()) {
      t.storage = storage_;
      t.data = slice();
    }
  }
  values_.push_back(v.ref());
  places_.push_back(first_);
}

template <class T>
void StackInPlace<T>::add_together(const Variable<T>& values, index_t first) {
  values_.push_back(values.ref());
  places_.push_back(first);
}

template <class T>
Variable<T> StackInPlace<T>::finish() {
  const Shape shape = unit_.inserted(0, units_);
  PoolVector<Tensor<T>*> inputs;
  inputs.reserve(values_.size());
  for (const TensorRef<T>& v : values_) inputs.push_back(v.get());
  const bool recorded = begin_op<T>(name_, inputs);
  const Variable<T> out(Tensor<T>::alias(storage_, data_, shape, shape.size(), shape.size()));
  if (recorded) record_op<StackNode<T>>(inputs, {&out, 1}, name_, std::move(places_), unit_.size(), joined_);
  return out;
}

UNROLL_COMPILE_TYPES(class StackInPlace)

}  // namespace unroll::detail
