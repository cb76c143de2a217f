#pragma once  // internal
/// \file A stretch of the tape that can be run back by itself.

#include <vector>

#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

/// A stretch of the tape of its own: what is recorded while it lives can be run back at once, also inside a
/// backward pass. It must not outlive that; the innermost goes first.
template <class T>
class Subpass {
 public:
  Subpass();
  ~Subpass();
  Subpass(const Subpass&) = delete;
  Subpass& operator=(const Subpass&) = delete;

  /// Whether t is a leaf or was there before.
  bool is_outside(const Tensor<T>& t) const;
  /// All such tensors that ops of this stretch read and that take part in gradients.
  std::vector<TensorRef<T>> read_from_outside() const;
  /// Bytes of the values that ops of this stretch computed, and as many for their gradients.
  std::size_t bytes() const;
  /// Runs back from `roots`; gradients of what is outside are written as by any op of the pass that is
  /// running. Weight gradients that wait are added at its end.
  void backward(std::span<const TensorRef<T>> roots, std::span<const Variable<T>> seeds);
  /// The same in a pass that is recorded: returns what it adds to the gradients of `outside`, empty where that is
  /// nothing.
  std::vector<Variable<T>> record_backward(std::span<const TensorRef<T>> roots,
                                           std::span<const Variable<T>> seeds,
                                           std::span<const TensorRef<T>> outside);

 private:
  Tape<T>& tape_;
  Recording recording_;
  std::size_t floor_before_;
  OutputAllocator<T>* output_allocator_before_;
};

}  // namespace unroll::detail
