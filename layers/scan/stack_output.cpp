#include "unroll/detail/layers/scan/stack_output.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {
namespace {

/// y = (h_1, …, h_T): the value is already in place; the gradients of the h_t become slices of y's.
template <class T>
class StackNode final : public Node<T> {
 public:
  StackNode(PoolVector<index_t> places, index_t unit, bool joined)
      : places_(std::move(places)), unit_(unit), joined_(joined) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    Tensor<T>& y = *this->output();
    if (!this->output_grad()) return;
    T* dy = y.grad;
    for (std::size_t k = 0; k < this->input_count(); ++k) {
      Tensor<T>& h = this->input(k);
      T* part = dy + places_[k] * unit_;
      if (!this->wants(k)) continue;
      if (h.grad_state == GradState::none && !h.is_view() && !h.shares_grad() && h.creator &&
          y.grad_storage && !y.observed() && !this->retaining()) {
        h.grad = part;
        h.grad_storage = y.grad_storage;
        h.grad_state = GradState::full;
        continue;
      }
      write_gradient<T>(h, part, h.shape.size(), h.shape.size());
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    std::vector<Variable<T>> dx(this->input_count());
    for (std::size_t k = 0; k < dx.size(); ++k) {
      if (!this->wants(k)) continue;
      const index_t first = places_[k];
      dx[k] = joined_ ? slice(dy[0], 0, first, first + this->input(k).shape[0]) : select(dy[0], 0, first);
    }
    return dx;
  }

  std::string name() const override { return "scan"; }

 private:
  PoolVector<index_t> places_;
  index_t unit_;
  bool joined_;
};

}  // namespace

template <class T>
StackOutput<T>::StackOutput(index_t units, bool joined)
    : before_(Tape<T>::local().placement), units_(units), joined_(joined) {}

template <class T>
StackOutput<T>::~StackOutput() {
  Tape<T>::local().placement = before_;
}

template <class T>
void StackOutput<T>::begin_step(index_t first, index_t count) {
  first_ = first, count_ = count;
  values_ = 0;
  occupied_ = false;
  Tape<T>::local().placement = this;
}

template <class T>
TensorRef<T> StackOutput<T>::next(const Shape& shape) {
  const std::size_t number = values_++;
  if (number == chosen_ && shape == expected()) {
    occupied_ = true;
    return Tensor<T>::alias(storage_, slice(), shape, shape.size(), shape.size());
  }
  TensorRef<T> t = Tensor<T>::make(shape);
  if (outputs_.empty()) seen_.push_back(t.get());
  return t;
}

template <class T>
void StackOutput<T>::allocate() {
  const index_t total = unit_.inserted(0, units_).size();
  storage_ = Ref<Block>(Block::allocate(static_cast<std::size_t>(total) * sizeof(T)));
  data_ = static_cast<T*>(storage_->data());
}

// The slice holds another value, which the tape may still need: go on in new memory, and guess no more.
template <class T>
void StackOutput<T>::move_away() {
  const T* old = data_;
  const Ref<Block> keep = storage_;
  allocate();
  current_traffic.copied += bytes_of<T>(unit_.inserted(0, units_).size());
  for (std::size_t k = 0; k < outputs_.size(); ++k)
    std::copy_n(old + places_[k] * unit_.size(), outputs_[k]->shape.size(),
                data_ + places_[k] * unit_.size());
  chosen_ = ~std::size_t{0};
}

// What the first result tells: the shape of all, and which of the step's values it is.
template <class T>
void StackOutput<T>::start(const Variable<T>& h) {
  if (joined_ && (h.rank() < 1 || h.shape()[0] != count_)) {
    raise<ShapeError>(
        "scan: with lengths or recomputation the hidden state must have a row for each of {} sequences; got "
        "{}",
        count_, h.shape().str());
  }
  unit_ = joined_ ? h.shape().without(0) : h.shape();
  if (unit_.rank() == Shape::max_rank)
    raise<ShapeError>("scan: states have at most rank {}; got {}", Shape::max_rank - 1, unit_.str());
  allocate();
  const auto found = std::find(seen_.rbegin(), seen_.rend(), h.tensor());
  if (found != seen_.rend()) chosen_ = static_cast<std::size_t>(seen_.rend() - found) - 1;
  seen_.clear();
}

template <class T>
void StackOutput<T>::end_step(const Variable<T>& h) {
  Tape<T>::local().placement = before_;
  if (!h) raise<UsageError>("scan: the step returned an empty state; return one Variable for each member");
  Tensor<T>& t = *h.tensor();
  const bool first = outputs_.empty();
  if (first) start(h);
  if (!(t.shape == expected())) {
    raise<ShapeError>("scan: the hidden state changed its shape from {} to {} after {} steps",
                      expected().str(), t.shape.str(), outputs_.size());
  }
  if (t.data != slice()) {
    if (occupied_) move_away();
    copy_dense(t, slice());
    // A value of the first step moves into its slice; leaves and views stay where they are.
    if (first && chosen_ != ~std::size_t{0} && t.dense() && !t.is_view() && !t.shares_grad()) {
      t.storage = storage_;
      t.data = slice();
    }
  }
  outputs_.push_back(h.ref());
  places_.push_back(first_);
}

template <class T>
Variable<T> StackOutput<T>::finish() {
  const Shape shape = unit_.inserted(0, units_);
  PoolVector<Tensor<T>*> inputs;
  inputs.reserve(outputs_.size());
  for (const TensorRef<T>& h : outputs_) inputs.push_back(h.get());
  const bool recorded = begin_op<T>("scan", inputs);
  const Variable<T> out(Tensor<T>::alias(storage_, data_, shape, shape.size(), shape.size()));
  if (recorded) record_op<StackNode<T>>(inputs, {&out, 1}, std::move(places_), unit_.size(), joined_);
  return out;
}

UNROLL_COMPILE_TYPES(class StackOutput)

}  // namespace unroll::detail
