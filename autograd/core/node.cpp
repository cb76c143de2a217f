/// \file What nodes do unless they know better, and how nodes and tensors go.

#include "unroll/autograd/variable.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {
namespace {

// Objects whose count fell to zero are destroyed in a loop: a chain of 100,000 steps must not recurse. Those
// that wait are linked through a field that a dead one has no use for.
template <class X, class Link>
void destroy_without_recursion(X* object, Link X::*link) {
  [[gnu::tls_model("initial-exec")]] thread_local constinit X* waiting = nullptr;
  [[gnu::tls_model("initial-exec")]] thread_local constinit bool busy = false;
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
  const index_t size = shape.size();
  Ref<Block> block(Block::allocate(static_cast<std::size_t>(size) * sizeof(T)));
  auto* const data = static_cast<T*>(block->data());
  return TensorRef<T>(new Tensor(std::move(block), data, shape, size, size));
}

template <class T>
TensorRef<T> Tensor<T>::alias(Ref<Block> storage, T* data, const Shape& shape, index_t run, index_t pitch) {
  return TensorRef<T>(new Tensor(std::move(storage), data, shape, run, pitch));
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
std::vector<Variable<T>> Node<T>::record_backward(const std::vector<Variable<T>>&) {
  raise<UsageError>("grad: {} has no second derivative; leave create_graph off, or write it with other ops",
                    name());
}

template <class T>
std::vector<Variable<T>> Node<T>::as_ops(const std::vector<Variable<T>>&) const {
  return {};
}
template <class T>
std::vector<Variable<T>> Node<T>::again(const std::vector<Variable<T>>&) const {
  raise<UsageError>("{}: cannot be recorded again on other inputs", name());
}

template <class T>
void Node<T>::recompute(index_t, index_t, T*) {
  raise<UsageError>("{}: a value was overwritten that cannot be computed again; copy() it first", name());
}

UNROLL_COMPILE_TYPES(struct Tensor, class Node)

}  // namespace unroll::detail
