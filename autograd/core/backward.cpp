/// \file The backward pass: what the roots depend on (backward_collect.cpp) is swept from the end.

#include <algorithm>
#include <utility>

#include "unroll/autograd/variable.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/trace_log.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/fault_injection.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {
namespace {

// The gradient of `t` as a Variable of its own.
template <class T>
Variable<T> copy_grad(const Tensor<T>& t) {
  auto v = Variable<T>::uninitialised(t.shape);
  const GradSlot<T> g = grad_layout(t);
  const index_t size = t.shape.size();
  write_gradient<T>({v.tensor()->data, size, size, false}, size, g.data, g.run, g.pitch);
  return v;
}

template <class T>
Variable<T> run_hooks(Tensor<T>& t, Variable<T> g) {
  for (const auto& hook : t.extras->hooks) {
    const Variable<T> changed = hook(g);
    if (changed) g = with_shape_of(t, changed).copy();
  }
  return g;
}

/// Does all queued products and empties the queue; calls after(parameter) after each.
template <class T, class F>
void flush_deferred(std::vector<DeferredProduct<T>>& queue, F&& after) {
  const TraceSpan span(TraceKind::backward, [] { return "gradients of weights"; });
  DeferredBuffers<T> buffers;
  for (DeferredProduct<T>& product : queue) {
    {
      [[maybe_unused]] const FaultInjector<T> injector(injection_target(product));
      flush_product(product, buffers);
    }
    after(*product.parameter);
  }
  queue.clear();
}

}  // namespace

template <class T>
void defer(Tensor<T>& parameter, DeferredUse<T> use) {
  auto& queue = Tape<T>::local().deferred;
  for (DeferredProduct<T>& product : queue) {
    if (product.parameter.get() != &parameter) continue;
    product.uses.push_back(std::move(use));
    return;
  }
  queue.push_back({TensorRef<T>(&parameter), {}});
  queue.back().uses.push_back(std::move(use));
}

template <class T>
void Tape<T>::finish_node(Node<T>& node) {
  node.pending_ = node.active_ = false;
  for (std::size_t k = 0; k < node.output_count_; ++k) {
    Tensor<T>* out = node.outputs_[k];
    if (!out || !out->held) continue;
    out->held = false;
    if (!out->wanted && (selective_ || !out->retain_grad)) clear_grad(*out);
    out->release();
  }
  node.release();
}

template <class T>
void Tape<T>::seed(std::span<const TensorRef<T>> roots, std::span<const Variable<T>> seeds) {
  for (std::size_t k = 0; k < roots.size(); ++k) {
    Tensor<T>& t = *roots[k];
    if (!wants(t)) continue;
    const Tensor<T>& s = *seeds[k].tensor();
    write_gradient<T>(open_grad(t), t.shape.size(), s.data, s.run, s.pitch);
  }
}

template <class T>
inline void Tape<T>::visit(Node<T>& node, const Options& options) {
  for (std::size_t k = 0; k < node.output_count_; ++k) {
    Tensor<T>* out = node.outputs_[k];
    if (!out || !out->held) continue;
    if (out->grad_state == GradState::partial) finish_grad(*out);
    if (out->grad_state != GradState::full) continue;
    if (out->has_hooks()) {
      const Variable<T> g = run_hooks(*out, copy_grad(*out));
      GradSlot<T> to = open_grad(*out);
      to.add = false;  // what the hooks return takes the place of what they were given
      write_gradient<T>(to, out->shape.size(), g.tensor()->data, g.tensor()->run, g.tensor()->pitch);
    }
  }
  if (!selective_ || node.active_) {
    {
      [[maybe_unused]] const FaultInjector<T> injector(injection_target(*this, node));
      const TraceSpan span(TraceKind::backward, [&] { return node.name(); });
      node.backward();
    }
    if (AnomalyMode::active()) check_gradient_anomaly(node);
  }
  if (!options.retain && (!selective_ || node.active_)) {
    node.drop_inputs();
    node.released_ = true;
  }
}

template <class T>
void Tape<T>::sweep(const Options& options) {
  const bool is_long = order_.size() >= long_tape;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    if (is_long && i + 8 < order_.size()) fetch_node(order_[i + 8]), fetch_tensors(order_[i + 4]);
    Node<T>& node = *order_[i];
    visit(node, options);
    order_[i] = nullptr;
    finish_node(node);
  }
  order_.clear();
}

// A pass inside a pass: it has its own list of nodes and its own waiting products, and shares everything
// else.
template <class T>
struct Tape<T>::Inner {
  Tape& tape;
  std::vector<Node<T>*> order = std::exchange(tape.order_, {});
  std::vector<DeferredProduct<T>> deferred = std::exchange(tape.deferred, {});
  bool retaining = std::exchange(tape.retaining_, false);
  bool done = false;
  void collect(std::span<const TensorRef<T>> roots) {
    tape.collect(roots);
    if (tape.selective_) tape.select_active();
  }
  ~Inner() {
    if (!done) tape.abandon_nodes();
    tape.order_ = std::move(order);
    tape.deferred = std::move(deferred);
    tape.retaining_ = retaining;
  }
};

template <class T>
void Tape<T>::backward_above_floor(std::span<const TensorRef<T>> roots, std::span<const Variable<T>> seeds) {
  Inner inner{*this};
  inner.collect(roots);
  seed(roots, seeds);
  sweep({});
  flush_deferred(deferred, [](const Tensor<T>&) {});  // the pass around it may still add to leaves
  inner.done = true;
}

template <class T>
std::vector<Variable<T>> Tape<T>::record_above_floor(std::span<const TensorRef<T>> roots,
                                                     std::span<const Variable<T>> seeds,
                                                     std::span<const TensorRef<T>> wanted) {
  Inner inner{*this};
  inner.collect(roots);
  std::vector<Variable<T>> result = sweep_graph(roots, seeds, wanted, false);
  inner.done = true;
  return result;
}

template <class T>
void Tape<T>::run_leaf_hooks(const GradAside<T>& a) {
  Tensor<T>& leaf = *a.tensor;
  const Variable<T> g = run_hooks(leaf, copy_grad(leaf));
  write_gradient<T>({leaf.grad, g.size(), g.size(), false}, g.size(), g.tensor()->data, g.tensor()->run,
                    g.tensor()->pitch);
  if (a.grad) store_or_add<T>(leaf.grad, g.size(), true, a.grad);
}

// Each leaf's hooks run as soon as its gradient is complete, while products of other leaves still wait: what a hook
// begins, such as sending the gradient away, goes on beside them.
template <class T>
void Tape<T>::finish_leaves() {
  const auto waits = [&](const GradAside<T>& a) {
    return std::any_of(deferred.begin(), deferred.end(),
                       [&](const auto& product) { return product.parameter.get() == a.tensor.get(); });
  };
  std::stable_partition(hooked_leaves_.begin(), hooked_leaves_.end(), waits);
  while (!hooked_leaves_.empty() && !waits(hooked_leaves_.back())) {
    run_leaf_hooks(hooked_leaves_.back());
    hooked_leaves_.pop_back();
  }
  flush_deferred(deferred, [&](const Tensor<T>& leaf) {
    const auto a = std::find_if(hooked_leaves_.begin(), hooked_leaves_.end(),
                                [&](const auto& aside) { return aside.tensor.get() == &leaf; });
    if (a == hooked_leaves_.end()) return;
    run_leaf_hooks(*a);
    hooked_leaves_.erase(a);
  });
}

template <class T>
void Tape<T>::set_aside(Tensor<T>& t) {
  aside_.push_back({TensorRef<T>(&t), t.grad, t.grad_storage});
  clear_grad(t);
}

// What was set aside becomes the gradient again, with what the pass found added if it is to be kept.
template <class T>
void Tape<T>::restore_gradients(bool add) {
  for (GradAside<T>& a : aside_) {
    Tensor<T>& t = *a.tensor;
    if (add && t.grad_state == GradState::full) store_or_add<T>(a.grad, t.shape.size(), true, t.grad);
    t.grad = a.grad;
    t.grad_storage = a.storage;
    t.grad_state = GradState::full;
  }
  aside_.clear();
}

template <class T>
void Tape<T>::abandon_nodes() {
  for (Node<T>* node : order_) {
    if (node) {
      for (std::size_t k = 0; k < node->input_count_; ++k) {
        Tensor<T>& in = *node->inputs_[k];  // a leaf must not point to a node that may go
        if (in.grad_part && static_cast<Node<T>*>(in.grad_part) == node) finish_grad(in);
      }
      for (std::size_t k = 0; k < node->output_count_; ++k)
        if (node->outputs_[k]) clear_grad(*node->outputs_[k]);
      finish_node(*node);
    }
  }
  order_.clear();
  // A failure while collecting leaves marked nodes that were not reached yet.
  for (std::size_t i = slots_.size(); open_ > 0 && i-- > floor_;) {
    Node<T>* node = i < slots_.size() ? slots_[i] : nullptr;
    if (node && node->pending_) {
      --open_;
      finish_node(*node);
    }
  }
  deferred.clear();
}

template <class T>
void Tape<T>::abandon() {
  abandon_nodes();
  for (GradAside<T>& a : hooked_leaves_) {
    clear_grad(*a.tensor);
    if (!a.grad) continue;
    a.tensor->grad = a.grad;
    a.tensor->grad_storage = a.storage;
    a.tensor->grad_state = GradState::full;
  }
  hooked_leaves_.clear();
}

template <class T>
struct Tape<T>::Guard {
  Tape& tape;
  std::span<const TensorRef<T>> wanted;
  bool done = false;
  ~Guard() {
    if (!done) tape.abandon();
    for (const TensorRef<T>& t : wanted) {
      t->wanted = false;
      clear_grad(*t);
    }
    tape.restore_gradients(done && !tape.selective_);
    tape.running_ = tape.selective_ = tape.retaining_ = false;
  }
};

template <class T>
std::vector<Variable<T>> Tape<T>::backward(std::span<const TensorRef<T>> roots,
                                           std::span<const Variable<T>> seeds, const Options& options) {
  if (running_) raise<UsageError>("backward: called inside a backward pass; let that one end first");
  const TraceSpan span(TraceKind::scope, [] { return "backward"; });
  Guard guard{*this, options.wanted};
  running_ = true;
  retaining_ = options.retain;
  selective_ = !options.wanted.empty();
  for (const TensorRef<T>& t : options.wanted) {
    t->wanted = true;
    if (t->grad_state != GradState::none) set_aside(*t);
  }
  collect(roots);
  if (selective_) select_active();
  if (options.create_graph) {
    std::vector<Variable<T>> result = sweep_graph(roots, seeds, options.wanted, true);
    guard.done = true;
    return result;
  }
  seed(roots, seeds);
  sweep(options);
  if (options.waiting) *options.waiting = std::exchange(deferred, {});
  finish_leaves();
  std::vector<Variable<T>> result;
  for (const TensorRef<T>& t : options.wanted)
    result.push_back(t->grad_state == GradState::full ? copy_grad(*t) : Variable<T>());
  guard.done = true;
  return result;
}

template <class T>
void Tape<T>::touch_hooked(Tensor<T>& leaf) {
  for (const GradAside<T>& a : hooked_leaves_)
    if (a.tensor.get() == &leaf) return;
  const bool stored = leaf.grad_state == GradState::full;
  hooked_leaves_.push_back({TensorRef<T>(&leaf), stored ? leaf.grad : nullptr, leaf.grad_storage});
  clear_grad(leaf);
}

template std::vector<Variable<float>> Tape<float>::backward(std::span<const TensorRef<float>>,
                                                            std::span<const Variable<float>>, const Options&);
template std::vector<Variable<double>> Tape<double>::backward(std::span<const TensorRef<double>>,
                                                              std::span<const Variable<double>>,
                                                              const Options&);
template void Tape<float>::backward_above_floor(std::span<const TensorRef<float>>,
                                                std::span<const Variable<float>>);
template void Tape<double>::backward_above_floor(std::span<const TensorRef<double>>,
                                                 std::span<const Variable<double>>);
template std::vector<Variable<float>> Tape<float>::record_above_floor(std::span<const TensorRef<float>>,
                                                                      std::span<const Variable<float>>,
                                                                      std::span<const TensorRef<float>>);
template std::vector<Variable<double>> Tape<double>::record_above_floor(std::span<const TensorRef<double>>,
                                                                        std::span<const Variable<double>>,
                                                                        std::span<const TensorRef<double>>);
UNROLL_COMPILE_FUNCTIONS(defer)
template void Tape<float>::touch_hooked(Tensor<float>&);
template void Tape<double>::touch_hooked(Tensor<double>&);
template void Tape<float>::finish_node(Node<float>&);
template void Tape<double>::finish_node(Node<double>&);
template void Tape<float>::set_aside(Tensor<float>&);
template void Tape<double>::set_aside(Tensor<double>&);

}  // namespace unroll::detail
