#include "layers/stack_output.hpp"

#include <algorithm>

#include "autograd/views.hpp"

namespace unroll::detail {
namespace {

/// y = (h_1, …, h_T): the value is already in place; the gradients of the h_t become slices of y's.
template <class T>
class StackNode final : public ManyNode<T> {
 public:
  explicit StackNode(std::size_t steps) : ManyNode<T>(steps, 1) {}

  void start() {
    for (std::size_t k = 0; k < this->input_count(); ++k) this->forget_version(k);
  }

  void backward() override {
    Tensor<T>& y = *this->output();
    if (!this->output_grad()) return;
    T* dy = y.grad;
    for (std::size_t k = 0; k < this->input_count(); ++k) {
      Tensor<T>& h = this->input(k);
      T* part = dy + static_cast<index_t>(k) * h.shape.size();
      if (!this->wants(k)) continue;
      if (h.grad_state == GradState::none && !h.is_view && !h.shares_grad && h.creator && y.grad_storage &&
          !y.retain_grad && !this->retaining()) {
        h.grad = part;
        h.grad_storage = y.grad_storage;
        h.grad_state = GradState::full;
        continue;
      }
      const GradSlot<T> g = open_grad(h);
      const index_t n = h.shape.size();
      for_runs<T>(n, g.run, g.pitch, n, n, [&](index_t to, index_t from, index_t m) {
        for (index_t i = 0; i < m; ++i)
          g.data[to + i] = g.add ? g.data[to + i] + part[from + i] : part[from + i];
      });
    }
  }

  std::vector<Variable<T>> emit(const std::vector<Variable<T>>& dy) override {
    std::vector<Variable<T>> dx(this->input_count());
    for (std::size_t k = 0; k < dx.size(); ++k)
      if (this->wants(k)) dx[k] = select(dy[0], 0, static_cast<index_t>(k));
    return dx;
  }

  std::string name() const override { return "scan"; }
};

}  // namespace

template <class T>
StackOutput<T>::StackOutput(index_t steps)
    : outputs_(static_cast<std::size_t>(steps)), before_(Tape<T>::local().placement), steps_(steps) {}

template <class T>
StackOutput<T>::~StackOutput() {
  Tape<T>::local().placement = before_;
}

template <class T>
void StackOutput<T>::begin_step(index_t slot) {
  slot_ = slot;
  count_ = 0;
  occupied_ = false;
  Tape<T>::local().placement = this;
}

template <class T>
TensorRef<T> StackOutput<T>::next(const Shape& shape) {
  const std::size_t number = count_++;
  if (number == chosen_ && shape == shape_) {
    occupied_ = true;
    return Tensor<T>::alias(storage_, slice(), shape, shape.size(), shape.size());
  }
  TensorRef<T> t = Tensor<T>::make(shape);
  if (done_ == 0) seen_.push_back(t.get());
  return t;
}

template <class T>
void StackOutput<T>::allocate() {
  const index_t total = shape_.inserted(0, steps_).size();
  storage_ = Ref<Block>(Block::allocate(static_cast<std::size_t>(total) * sizeof(T)));
  data_ = static_cast<T*>(storage_->data());
}

// The slice holds another result, which the tape may still need: go on in new memory, and guess no more.
template <class T>
void StackOutput<T>::move_away() {
  const T* old = data_;
  const Ref<Block> keep = storage_;
  allocate();
  for (index_t slot = 0; slot < steps_; ++slot) {
    if (!outputs_[static_cast<std::size_t>(slot)]) continue;
    std::copy_n(old + slot * shape_.size(), shape_.size(), data_ + slot * shape_.size());
  }
  chosen_ = ~std::size_t{0};
}

template <class T>
void StackOutput<T>::end_step(const Variable<T>& h) {
  Tape<T>::local().placement = before_;
  if (!h) fail<UsageError>("scan: the step returned an empty state; return one Variable for each member");
  Tensor<T>& t = *h.tensor();
  if (done_ == 0) {
    shape_ = t.shape;
    if (shape_.rank() == Shape::max_rank)
      fail<ShapeError>("scan: states have at most rank {}; got {}", Shape::max_rank - 1, shape_.str());
    allocate();
    const auto found = std::find(seen_.rbegin(), seen_.rend(), &t);
    if (found != seen_.rend()) chosen_ = static_cast<std::size_t>(seen_.rend() - found) - 1;
    seen_.clear();
  } else if (!(t.shape == shape_)) {
    fail<ShapeError>("scan: the hidden state changed its shape from {} to {} after {} steps", shape_.str(),
                     t.shape.str(), done_);
  }
  if (t.data != slice()) {
    if (occupied_) move_away();
    copy_dense(t, slice());
    // A result of this step moves into its slice; leaves and views stay where they are.
    if (done_ == 0 && chosen_ != ~std::size_t{0} && t.dense() && !t.is_view && !t.shares_grad) {
      t.storage = storage_;
      t.data = slice();
    }
  }
  outputs_[static_cast<std::size_t>(slot_)] = h.ref();
  ++done_;
}

template <class T>
Variable<T> StackOutput<T>::finish() {
  const Shape shape = shape_.inserted(0, steps_);
  PoolVector<Tensor<T>*> inputs;
  inputs.reserve(outputs_.size());
  for (const TensorRef<T>& h : outputs_) inputs.push_back(h.get());
  const bool recorded = begin_op<T>("scan", inputs);
  const TensorRef<T> out = Tensor<T>::alias(storage_, data_, shape, shape.size(), shape.size());
  if (recorded) {
    auto* node = new StackNode<T>(inputs.size());
    const TensorRef<T> outs[] = {out};
    record<T>(Ref<Node<T>>(node), inputs, outs);
    node->start();
  }
  return Variable<T>(out);
}

template class StackOutput<float>;
template class StackOutput<double>;

}  // namespace unroll::detail
