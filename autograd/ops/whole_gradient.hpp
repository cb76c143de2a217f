#pragma once  // internal
/// \file A gradient that a loop writes element by element, wherever it has to go in the end.

#include "unroll/detail/autograd/core/gradient.hpp"

namespace unroll::detail {

/// Dense memory for the gradient of an input: its own where that is dense and nobody has written to it, else apart.
template <class T>
class WholeGradient {
 public:
  /// `input` is null where nobody wants the gradient.
  WholeGradient(Tensor<T>* input, index_t size) : size_(size) {
    if (input) slot_ = open_grad(*input);
    if (input && !slot_.add && slot_.run == size) return;
    apart_ = Ref<Block>(Block::allocate(static_cast<std::size_t>(size) * sizeof(T)));
  }
  /// Undefined at first; all of it is to be written.
  T* data() const { return apart_ ? static_cast<T*>(apart_->data()) : slot_.data; }
  /// To be called when it is written.
  void finish() const {
    if (apart_ && slot_) write_gradient(slot_, size_, data(), size_, size_);
  }

 private:
  index_t size_;
  GradSlot<T> slot_;
  Ref<Block> apart_;
};

}  // namespace unroll::detail
