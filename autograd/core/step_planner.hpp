#pragma once  // internal
/// \file What a node tells of its op, so that the op can be done again without a tape (autograd/plan).

#include <functional>
#include <span>

#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

template <class T>
struct FusedCode;

/// Takes down the ops of a step; each node calls one of these, see Node::plan. Tensors are told apart by address.
template <class T>
class StepPlanner {
 public:
  /// A fused expression over the inputs of `node`, which has these numbers.
  virtual void fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) = 0;
  /// x Wᵀ [+ b]; b is null where there is none.
  struct Term {
    const Tensor<T>*x, *w, *b;
  };
  /// The output of `node` is [addend +] the sum of the terms, in this order: the biases first.
  virtual void affine(const Node<T>& node, const Tensor<T>* addend, std::span<const Term> terms) = 0;
  /// The outputs of `node` are parts of its input 0, in its memory.
  virtual void parts(const Node<T>& node) = 0;
  /// The output of `node` is what this makes of its inputs. It allocates nothing, and throws nothing.
  using Run = std::function<void(const T* const* in, T* out)>;
  virtual void other(const Node<T>& node, Run run) = 0;

 protected:
  ~StepPlanner() = default;
};

}  // namespace unroll::detail
