/// \file The backward pass that is itself recorded: gradients are Variables, rules are ops.

#include <unordered_map>

#include "unroll/autograd/precision.hpp"
#include "unroll/autograd/variable.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/fused/compiled.hpp"
#include "unroll/detail/autograd/fused/recorded_faults.hpp"

namespace unroll::detail {

template <class T>
const Variable<T>& with_shape_of(const Tensor<T>& t, const Variable<T>& changed) {
  if (!(changed.shape() == t.shape)) {
    raise<ShapeError>("hook: the gradient of {} must keep its shape; got {}", name_and_shape(t),
                      changed.shape().str());
  }
  return changed;
}

template <class T>
std::vector<Variable<T>> Tape<T>::sweep_graph(std::span<const TensorRef<T>> roots,
                                              std::span<const Variable<T>> seeds,
                                              std::span<const TensorRef<T>> wanted, bool hooks_of_leaves) {
  const MatmulPrecision exact(Precision::float32);
  std::unordered_map<const Tensor<T>*, Variable<T>> grads;
  const auto add = [&](const Tensor<T>& t, const Variable<T>& g) {
    Variable<T>& sum = grads[&t];
    sum = sum ? apply_compiled(ScalarOp::add, {sum, g}) : g;
  };
  const auto hook = [](const Tensor<T>& t, Variable<T>& g) {
    for (const auto& f : t.extras->hooks) {
      const Variable<T> changed = f(g);
      if (changed) g = with_shape_of(t, changed);
    }
  };
  for (std::size_t k = 0; k < roots.size(); ++k)
    if (wants(*roots[k])) add(*roots[k], seeds[k]);
  for (Node<T>* node : order_) {
    std::vector<Variable<T>> dy(node->output_count_);
    bool any = false;
    for (std::size_t k = 0; k < node->output_count_; ++k) {
      Tensor<T>* out = node->outputs_[k];
      const auto found = out ? grads.find(out) : grads.end();
      if (found == grads.end()) continue;
      any = true;
      if (out->has_hooks()) hook(*out, found->second);
      dy[k] = found->second;
    }
    if (!any || (selective_ && !node->active_)) continue;
    std::vector<Variable<T>> dx = node->record_backward(dy);
    falsify_recorded(*node, dx);
    for (std::size_t k = 0; k < node->input_count_; ++k)
      if (dx[k] && wants(*node->inputs_[k])) add(*node->inputs_[k], dx[k]);
  }
  for (Node<T>* node : order_) finish_node(*node);
  order_.clear();
  std::vector<Variable<T>> result;
  for (const TensorRef<T>& t : wanted) {
    const auto found = grads.find(t.get());
    if (hooks_of_leaves && found != grads.end() && !t->creator && t->has_hooks()) hook(*t, found->second);
    result.push_back(found == grads.end() ? Variable<T>() : found->second);
  }
  return result;
}

template std::vector<Variable<float>> Tape<float>::sweep_graph(std::span<const TensorRef<float>>,
                                                               std::span<const Variable<float>>,
                                                               std::span<const TensorRef<float>>, bool);
template std::vector<Variable<double>> Tape<double>::sweep_graph(std::span<const TensorRef<double>>,
                                                                 std::span<const Variable<double>>,
                                                                 std::span<const TensorRef<double>>, bool);
UNROLL_COMPILE_FUNCTIONS(with_shape_of)

}  // namespace unroll::detail
