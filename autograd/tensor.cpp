#include "autograd/tensor.hpp"

#include "autograd/tape.hpp"
#include "autograd/variable.hpp"

namespace unroll::detail {
namespace {

// Objects whose count fell to zero are destroyed in a loop: a chain of 100,000 steps must not recurse.
template <class X>
void destroy_without_recursion(X* object) {
  thread_local std::vector<X*> waiting;
  thread_local bool busy = false;
  if (busy) {
    waiting.push_back(object);
    return;
  }
  busy = true;
  delete object;
  while (!waiting.empty()) {
    object = waiting.back();
    waiting.pop_back();
    delete object;
  }
  busy = false;
}

}  // namespace

template <class T>
TensorRef<T> Tensor<T>::make(const Shape& shape) {
  TensorRef<T> t(new Tensor);
  t->shape = shape;
  t->run = t->pitch = shape.size();
  t->storage = Ref<Block>(Block::allocate(static_cast<std::size_t>(shape.size()) * sizeof(T)));
  t->data = static_cast<T*>(t->storage->data());
  return t;
}

template <class T>
TensorRef<T> Tensor<T>::alias(Ref<Block> storage, T* data, const Shape& shape, index_t run, index_t pitch) {
  TensorRef<T> t(new Tensor);
  t->shape = shape;
  t->run = run, t->pitch = pitch;
  t->storage = std::move(storage);
  t->data = data;
  return t;
}

template <class T>
void Tensor<T>::retire(Tensor* tensor) {
  if (tensor->creator) tensor->creator->outputs_[tensor->member] = nullptr;
  destroy_without_recursion(tensor);
}

template <class T>
void Node<T>::retire(Node* node) {
  if (node->tape_) node->tape_->forget(node);
  destroy_without_recursion(node);
}

template <class T>
void Node<T>::drop_inputs() {
  for (std::size_t k = 0; k < input_count_; ++k) inputs_[k] = {};
}

template <class T>
bool Node<T>::wants(std::size_t k) const {
  return tape_->wants(*inputs_[k]);
}

template <class T>
bool Node<T>::retaining() const {
  return tape_->retaining();
}

template <class T>
const T* Node<T>::output_grad(std::size_t k) const {
  const Tensor<T>* t = outputs_[k];
  // One that this pass did not reach may still hold what an earlier pass left.
  return t && t->held && t->grad_state == GradState::full ? t->grad : nullptr;
}

#define UNROLL_INSTANTIATE(T) \
  template struct Tensor<T>;  \
  template class Node<T>;
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace unroll::detail
