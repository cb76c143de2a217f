#include "autograd/tape.hpp"

#include "autograd/deferred.hpp"
#include "autograd/variable.hpp"

namespace unroll {

template <class T>
TapeStats tape_stats() {
  return detail::Tape<T>::local().stats();
}
template TapeStats tape_stats<float>();
template TapeStats tape_stats<double>();

namespace detail {
template <class T>
std::string name_and_shape(const Tensor<T>& t) {
  if (t.extras && !t.extras->name.empty()) return fmt::format("{} {}", t.extras->name, t.shape.str());
  return t.shape.str();
}

void fail_empty(std::string_view op, std::size_t k) {
  fail<UsageError>("{}: argument {} is an empty Variable; assign a value to it first", op, k + 1);
}

template <class T>
void fail_unusable(std::string_view op, std::size_t k, const Tensor<T>& t) {
  if (t.creator->released()) {
    fail<UsageError>(
        "{}: argument {} {} is the result of {}, which an earlier backward has released; detach() it, or "
        "give that backward retain = true",
        op, k + 1, name_and_shape(t), t.creator->name());
  }
  fail<UsageError>("{}: argument {} {} was recorded by another thread; detach() it there first", op, k + 1,
                   name_and_shape(t));
}

template <class T>
bool Node<T>::usable() const {
  return !released_ && tape_ == &Tape<T>::local();
}

template <class T>
void Node<T>::connect(std::span<Tensor<T>* const> inputs, std::span<const TensorRef<T>> outputs) {
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    inputs_[k] = TensorRef<T>(inputs[k]);
    versions_[k] = inputs[k]->version();
  }
  for (std::size_t k = 0; k < output_count_; ++k) outputs_[k] = nullptr;
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (outputs[k]) adopt(k, outputs[k]);
}

template <class T>
void Node<T>::adopt(std::size_t k, const TensorRef<T>& out) {
  outputs_[k] = out.get();
  out->creator = Ref<Node<T>>(this);
  out->member = static_cast<std::uint32_t>(k);
  out->requires_grad = true;
}

template <class T>
std::vector<Variable<T>> Node<T>::emit(const std::vector<Variable<T>>&) {
  fail<UsageError>("grad: {} has no second derivative; leave create_graph off, or write it with other ops",
                   name());
}

template <class T>
void Node<T>::recompute(index_t, index_t, T*) {
  fail<UsageError>("{}: a value was overwritten that cannot be computed again; copy() it first", name());
}

template <class T>
Tape<T>::Tape() = default;

template <class T>
Tape<T>::~Tape() {
  for (Node<T>* node : slots_)
    if (node) node->tape_ = nullptr;
  if (current == this) current = nullptr;
}

template <class T>
Tape<T>& Tape<T>::start() {
  thread_local Tape tape;
  current = &tape;
  return tape;
}

template <class T>
void Tape<T>::record(Node<T>* node) {
  node->tape_ = this;
  node->slot_ = slots_.size();
  slots_.push_back(node);
  ++live_;
  ++recorded_;
}

template <class T>
void Tape<T>::forget(Node<T>* node) {
  slots_[node->slot_] = nullptr;
  --live_;
  if (!places_.empty()) places_.erase(node);
  while (slots_.size() > floor_ && !slots_.back()) slots_.pop_back();
  if (floor_ > 0 || slots_.size() < 4096 || live_ * 4 > slots_.size()) return;
  // Mostly gaps, with a live node at the end: close them.
  std::size_t to = 0;
  for (Node<T>* n : slots_) {
    if (!n) continue;
    n->slot_ = to;
    slots_[to++] = n;
  }
  slots_.resize(to);
}

template <class T>
std::vector<Node<T>*> Tape<T>::live_nodes() const {
  std::vector<Node<T>*> nodes;
  for (Node<T>* n : slots_)
    if (n) nodes.push_back(n);
  return nodes;
}

#define UNROLL_INSTANTIATE(T)                                                                 \
  template class Tape<T>;                                                                     \
  template bool Node<T>::usable() const;                                                      \
  template void Node<T>::connect(std::span<Tensor<T>* const>, std::span<const TensorRef<T>>); \
  template void Node<T>::adopt(std::size_t, const TensorRef<T>&);                             \
  template std::vector<Variable<T>> Node<T>::emit(const std::vector<Variable<T>>&);           \
  template void Node<T>::recompute(index_t, index_t, T*);                                     \
  template std::string name_and_shape(const Tensor<T>&);                                      \
  template void fail_unusable(std::string_view, std::size_t, const Tensor<T>&);
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace detail
}  // namespace unroll
