#pragma once  // internal
/// \file Deliberate faults in the gradients of array ops (UNROLL_MUTANTS builds); see mutants.hpp.

#include "unroll/detail/autograd/base/mutants.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

#if UNROLL_MUTANTS

/// The parameter whose deferred product is to get the fault.
extern thread_local constinit const void* faulty_parameter;

template <class T>
T with_fault(T before, T added) {
  switch (mutation.fault) {
    case Fault::sign:
      return before - added;
    case Fault::percent:
      return before + static_cast<T>(1.01) * added;
    case Fault::dropped:
      return before;
    case Fault::store:
      return added;
    case Fault::none:
      break;
  }
  return before + added;
}

/// Calls f with each element of the gradient of t.
template <class T, class F>
void for_each_gradient(const Tensor<T>& t, F&& f) {
  const GradSlot<T> g = grad_layout(t);
  for (index_t i = 0; i < t.shape.size(); ++i) f(g.data[i / g.run * g.pitch + i % g.run]);
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
    std::size_t i = 0;
    for_each_gradient(*t_, [&](T& g) { g = with_fault<T>(before_[i], g - before_[i]), ++i; });
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
  if (mutation.fault == Fault::none || mutation.op.empty() || mutation.op != node.name()) return nullptr;
  if (dynamic_cast<ViewNode<T>*>(&node)) {
    for (std::size_t k = 0; k < node.output_count() && mutation.fault != Fault::store; ++k) {
      const Tensor<T>* out = node.output(k);
      if (!out || !out->held || out->grad_state != GradState::full) continue;
      for_each_gradient(*out, [](T& g) { g = with_fault<T>(0, g); });
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
