#include "unroll/detail/autograd/core/tape.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/detail/autograd/base/trace_log.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"

namespace unroll {

template <class T>
TapeStats tape_stats() {
  return detail::Tape<T>::local().stats();
}
UNROLL_COMPILE_FUNCTIONS(tape_stats)

namespace detail {
template <class T>
std::string name_and_shape(const Tensor<T>& t) {
  if (t.extras && !t.extras->name.empty()) return fmt::format("{} {}", t.extras->name, t.shape.str());
  return t.shape.str();
}

void fail_empty(std::string_view op, std::size_t k) {
  raise<UsageError>("{}: argument {} is an empty Variable; assign a value to it first", op, k + 1);
}

template <class T>
void fail_unusable(std::string_view op, std::size_t k, const Tensor<T>& t) {
  if (t.creator->released()) {
    raise<UsageError>(
        "{}: argument {} {} is the result of {}, which an earlier backward has released; detach() it (a "
        "state that is carried on: detach_state()), or give that backward retain = true",
        op, k + 1, name_and_shape(t), t.creator->name());
  }
  raise<UsageError>("{}: argument {} {} was recorded by another thread; detach() it there first", op, k + 1,
                    name_and_shape(t));
}

template <>
thread_local constinit Tape<float>* Tape<float>::current = nullptr;
template <>
thread_local constinit Tape<double>* Tape<double>::current = nullptr;

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
void Tape<T>::trace_recorded(const Node<T>& node) {
  TraceHook::log->add_op(node.name());
}

template <class T>
void Tape<T>::forget(Node<T>* node) {
  slots_[node->slot_] = nullptr;
  --live_;
  while (slots_.size() > floor_ && !slots_.back()) slots_.pop_back();
  if (!contexts_.empty()) [[unlikely]]
    contexts_.erase(node);
  const bool mostly_gaps = slots_.size() >= 4096 && live_ * 4 <= slots_.size() && floor_ == 0;
  if (mostly_gaps) [[unlikely]]
    close_gaps();
}

template <class T>
void Tape<T>::close_gaps() {
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
  return nodes_from(0);
}
template <class T>
std::vector<Node<T>*> Tape<T>::nodes_from(std::size_t place) const {
  std::vector<Node<T>*> nodes;
  for (; place < slots_.size(); ++place)
    if (slots_[place]) nodes.push_back(slots_[place]);
  return nodes;
}

UNROLL_COMPILE_TYPES(class Tape)
UNROLL_COMPILE_FUNCTIONS(name_and_shape, fail_unusable)

}  // namespace detail
}  // namespace unroll
