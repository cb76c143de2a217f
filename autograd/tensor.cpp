#include "autograd/tensor.hpp"

#include "autograd/tape.hpp"
#include "autograd/variable.hpp"

namespace unroll::detail {
namespace {

// Objects whose count fell to zero are destroyed in a loop: a chain of 100,000 steps must not recurse. Those
// that wait are linked through a field that a dead one has no use for.
template <class X, class Link>
void destroy_without_recursion(X* object, Link X::*link) {
  thread_local constinit X* waiting = nullptr;
  thread_local constinit bool busy = false;
  if (busy) {
    object->*link = reinterpret_cast<Link>(waiting);
    waiting = object;
    return;
  }
  busy = true;
  delete object;
  while (waiting) {
    object = waiting;
    waiting = reinterpret_cast<X*>(object->*link);
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
  destroy_without_recursion(tensor, &Tensor::data);
}

template <class T>
void Node<T>::retire(Node* node) {
  if (node->tape_) node->tape_->forget(node);
  destroy_without_recursion(node, &Node::slot_);
}

template <class T>
void Node<T>::drop_inputs() {
  for (std::size_t k = 0; k < input_count_; ++k) inputs_[k] = {};
}

#define UNROLL_INSTANTIATE(T) \
  template struct Tensor<T>;  \
  template class Node<T>;
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace unroll::detail
