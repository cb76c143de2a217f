#include "unroll/detail/autograd/core/subpass.hpp"

#include <unordered_set>
#include <utility>

#include "unroll/autograd/variable.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"

namespace unroll::detail {

template <class T>
Subpass<T>::Subpass()
    : tape_(Tape<T>::local()),
      floor_before_(std::exchange(tape_.floor_, tape_.slots_.size())),
      output_allocator_before_(std::exchange(tape_.output_allocator, nullptr)) {}

template <class T>
Subpass<T>::~Subpass() {
  tape_.floor_ = floor_before_;
  tape_.output_allocator = output_allocator_before_;
}

template <class T>
bool Subpass<T>::is_outside(const Tensor<T>& t) const {
  return !t.creator || t.creator->slot_ < tape_.floor_;
}

template <class T>
std::vector<TensorRef<T>> Subpass<T>::read_from_outside() const {
  std::vector<TensorRef<T>> outside;
  std::unordered_set<const Tensor<T>*> seen;
  for (std::size_t i = tape_.floor_; i < tape_.slots_.size(); ++i) {
    const Node<T>* node = tape_.slots_[i];
    for (std::size_t k = 0; node && k < node->input_count_; ++k) {
      const TensorRef<T>& in = node->inputs_[k];
      if (in->requires_grad && is_outside(*in) && seen.insert(in.get()).second) outside.push_back(in);
    }
  }
  return outside;
}

template <class T>
std::size_t Subpass<T>::bytes() const {
  std::size_t bytes = 0;
  for (std::size_t i = tape_.floor_; i < tape_.slots_.size(); ++i) {
    const Node<T>* node = tape_.slots_[i];
    for (std::size_t k = 0; node && k < node->output_count_; ++k) {
      const Tensor<T>* out = node->outputs_[k];
      if (out && !out->is_view()) bytes += 2 * sizeof(T) * static_cast<std::size_t>(out->shape.size());
    }
  }
  return bytes;
}

template <class T>
void Subpass<T>::backward(std::span<const TensorRef<T>> roots, std::span<const Variable<T>> seeds) {
  tape_.backward_above_floor(roots, seeds);
}

template <class T>
std::vector<Variable<T>> Subpass<T>::record_backward(std::span<const TensorRef<T>> roots,
                                                     std::span<const Variable<T>> seeds,
                                                     std::span<const TensorRef<T>> outside) {
  return tape_.record_above_floor(roots, seeds, outside);
}

UNROLL_COMPILE_TYPES(class Subpass)

}  // namespace unroll::detail
