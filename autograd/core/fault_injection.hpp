#pragma once  // internal
/// \file Deliberate faults in the gradients of array ops (UNROLL_MUTANTS builds); see mutants.hpp.

#include "unroll/detail/autograd/base/mutants.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

#if UNROLL_MUTANTS

/// The parameter whose deferred product is to get the fault.
extern thread_local constinit const void* faulty_parameter;

/// Element i of a gradient that was `before` and to which `added` was added.
template <class T>
T with_fault(const std::vector<T>& before, const std::vector<T>& added, std::size_t i) {
  switch (mutation.fault) {
    case Fault::sign:
      return before[i] - added[i];
    case Fault::permille:
      return before[i] + static_cast<T>(1.001) * added[i];
    case Fault::dropped:
      return before[i];
    case Fault::store:
      return added[i];
    case Fault::shifted:
      return before[i] + added[(i + 1) % added.size()];
    case Fault::thinned:
      return before[i] + (i % 2 == 0 ? added[i] : T{0});
    case Fault::detached:
    case Fault::none:
      break;
  }
  return before[i] + added[i];
}

/// Calls f with each element of the gradient of t.
template <class T, class F>
void for_each_gradient(const Tensor<T>& t, F&& f) {
  const GradSlot<T> g = grad_layout(t);
  for (index_t i = 0; i < t.shape.size(); ++i) f(g.data[i / g.run * g.pitch + i % g.run]);
}

/// Makes wrong what was added to a gradient.
template <class T>
void falsify(const Tensor<T>& t, const std::vector<T>& before) {
  std::vector<T> added;
  for_each_gradient(t, [&](T& g) { added.push_back(g - before[added.size()]); });
  std::size_t i = 0;
  for_each_gradient(t, [&](T& g) { g = with_fault(before, added, i++); });
}

/// While it lives, an op writes the gradient of its input `t`; at the end what it added is made wrong.
template <class T>
class FaultInjector {
 public:
  explicit FaultInjector(Tensor<T>* t) : t_(t) {
    if (!t_) return;
    open_grad_to_add(*t_);
    for_each_gradient(*t_, [this](T& g) { before_.push_back(g); });
  }
  ~FaultInjector() {
    if (!t_) return;
    falsify(*t_, before_);
  }
  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;

 private:
  Tensor<T>* t_;
  std::vector<T> before_;
};

/// The input of `node` whose gradient is to get the fault, or null. A view has no arithmetic of its own: the
/// gradients of its outputs get it at once.
template <class T>
Tensor<T>* injection_target(const Tape<T>& tape, Node<T>& node) {
  if (mutation.fault == Fault::none || mutation.recorded || mutation.op != node.name()) return nullptr;
  if (dynamic_cast<ViewNode<T>*>(&node)) {
    for (std::size_t k = 0; k < node.output_count() && mutation.fault != Fault::store; ++k) {
      const Tensor<T>* out = node.output(k);
      if (!out || !out->held || out->grad_state != GradState::full) continue;
      falsify(*out, std::vector<T>(static_cast<std::size_t>(out->shape.size())));
    }
    return nullptr;
  }
  if (mutation.argument >= node.input_count() || !tape.wants(node.input(mutation.argument))) return nullptr;
  faulty_parameter = &node.input(mutation.argument);
  return &node.input(mutation.argument);
}

template <class T>
Tensor<T>* injection_target(const DeferredProduct<T>& product) {
  if (mutation.fault == Fault::none || product.parameter.get() != faulty_parameter) return nullptr;
  faulty_parameter = nullptr;
  return product.parameter.get();
}

#else

template <class T>
struct FaultInjector {
  explicit FaultInjector(std::nullptr_t) {}
};
template <class... X>
constexpr std::nullptr_t injection_target(const X&...) {
  return nullptr;
}

#endif

}  // namespace unroll::detail
