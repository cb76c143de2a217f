#pragma once  // internal
/// \file What a node tells of its op, so that the op can be done again without a tape (autograd/plan).

#include <functional>
#include <span>
#include <vector>

#include "unroll/autograd/precision.hpp"
#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

template <class T>
struct FusedCode;

/// Elements of an input that stand elsewhere in the output: output[to + Σ i_k to_k] = input[from + Σ i_k from_k].
struct StepMove {
  struct Axis {
    index_t extent, from, to;
  };
  std::size_t input;
  index_t from = 0, to = 0;
  std::vector<Axis> axes = {};

  /// Calls f(from, to) for each element, in the order of the axes.
  template <class F>
  void each(F&& f, std::size_t axis = 0, index_t in = 0, index_t out = 0) const {
    if (axis == axes.size()) return f(from + in, to + out);
    for (index_t i = 0; i < axes[axis].extent; ++i)
      each(f, axis + 1, in + i * axes[axis].from, out + i * axes[axis].to);
  }
};
/// x as an array of another shape that it broadcasts to.
StepMove broadcast_move(std::size_t input, const Shape& from, const Shape& to);

/// Matrix products of what two inputs hold: output[y] (m, n) = input0[a] (m, k) input1[b] (k, n), for each triple.
struct StepProducts {
  struct Offsets {
    index_t a, b, y;
  };
  index_t m, k, n;
  std::vector<Offsets> offsets;
  Precision precision = Precision::float32;
};

/// Rows of `width` numbers, each less its mean if centred, divided by √(mean square + eps), times γ, plus β: inputs gamma
/// and beta, 0 where there is none. A row of γ's length has `groups` of them.
struct StepNorm {
  index_t rows, groups, width;
  bool centred;
  double eps;
  std::size_t gamma, beta;
};

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
  virtual void affine(const Node<T>& node, const Tensor<T>* addend, std::span<const Term> terms,
                      Precision precision) = 0;
  /// The outputs of `node` are parts of its input 0, in its memory.
  virtual void parts(const Node<T>& node) = 0;
  /// The output of `node` is what this makes of its inputs. It allocates nothing, and throws nothing.
  using Run = std::function<void(const T* const* in, T* out)>;
  virtual void other(const Node<T>& node, Run run) = 0;

  // What other() can do, for planners that need to know what it is.
  /// The output consists of elements of the inputs.
  virtual void moves(const Node<T>& node, std::vector<StepMove> moves);
  /// The output is the sum of input 0 over the axes along which `kept` broadcasts to it.
  virtual void sums(const Node<T>& node, const Shape& kept);
  virtual void products(const Node<T>& node, StepProducts products);
  virtual void normalised(const Node<T>& node, const StepNorm&, Run run) { other(node, std::move(run)); }

 protected:
  ~StepPlanner() = default;
};

}  // namespace unroll::detail
