/// \file Before a backward pass: what its roots depend on.

#include <algorithm>

#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

template <class T>
void Tape<T>::mark(Tensor<T>& t) {
  if (!t.held) {
    t.held = true;
    t.add_ref();
    if (t.grad_state != GradState::none) set_aside(t);
  }
  Node<T>& node = *t.creator;
  if (node.pending_) return;
  node.pending_ = true;
  node.active_ = false;
  node.add_ref();
  ++open_;
  top_ = std::max(top_, node.slot_ + 1);
}

template <class T>
void Tape<T>::validate(Node<T>& node) const {
  if (node.tape_ != this) {
    raise<UsageError>("backward: {} was recorded by another thread; call backward there", node.name());
  }
  if (node.released_) {
    raise<UsageError>(
        "backward: {} was released by an earlier backward; give that one retain = true, or "
        "detach() what is carried on from it (a state: detach_state())",
        node.name());
  }
  for (std::size_t k = 0; k < node.input_count_; ++k) {
    if (node.is_intact(k)) continue;
    raise<UsageError>(
        "backward: {} needs input {} {} as it was, but update() has changed it since; call backward before "
        "the update, or compute the result again",
        node.name(), k + 1, name_and_shape(node.input(k)));
  }
}

template <class T>
void Tape<T>::collect(std::span<const TensorRef<T>> roots) {
  order_.clear();
  open_ = top_ = 0;
  for (const TensorRef<T>& root : roots) {
    if (!root->creator) continue;
    if (root->creator->tape_ != this || root->creator->released_) validate(*root->creator);
    if (root->creator->slot_ >= floor_) mark(*root);
  }
  const bool is_long = top_ >= long_tape;
  for (std::size_t i = top_; i-- > floor_ && open_ > 0;) {
    if (is_long && i >= floor_ + 8) fetch_node(slots_[i - 8]), fetch_tensors(slots_[i - 4]);
    Node<T>* node = slots_[i];
    if (!node || !node->pending_) continue;
    --open_;
    order_.push_back(node);
    bool intact = node->tape_ == this && !node->released_;
    for (std::size_t k = 0; intact && k < node->input_count_; ++k) {
      Tensor<T>& in = *node->inputs_[k];
      intact = node->is_intact(k);
      if (!in.requires_grad || !in.creator) continue;
      if (in.creator->released_ || in.creator->tape_ != this) validate(*in.creator);
      if (in.creator->slot_ >= floor_) mark(in);
    }
    if (!intact) validate(*node);  // says what is wrong
  }
}

template <class T>
void Tape<T>::select_active() {
  for (std::size_t i = order_.size(); i-- > 0;) {
    Node<T>& node = *order_[i];
    for (std::size_t k = 0; k < node.input_count_; ++k) {
      const Tensor<T>& in = *node.inputs_[k];
      if (in.requires_grad && (in.wanted || (in.creator && in.creator->active_))) node.active_ = true;
    }
  }
}

template void Tape<float>::collect(std::span<const TensorRef<float>> roots);
template void Tape<double>::collect(std::span<const TensorRef<double>> roots);
template void Tape<float>::select_active();
template void Tape<double>::select_active();

}  // namespace unroll::detail
