#pragma once  // internal
/// \file Deliberate faults in the gradients of array ops (UNROLL_MUTANTS builds); see mutants.hpp.

#include "unroll/detail/autograd/base/mutants.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

#if UNROLL_MUTANTS

/// The parameter whose deferred product is to be falsified.
inline thread_local const void* falsified_parameter = nullptr;

template <class T>
T falsified(T before, T added) {
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
class Falsifier {
 public:
  explicit Falsifier(Tensor<T>* t) : t_(t) {
    if (!t_) return;
    open_grad_to_add(*t_);
    for_each_gradient(*t_, [this](T& g) { before_.push_back(g); });
  }
  ~Falsifier() {
    if (!t_) return;
    std::size_t i = 0;
    for_each_gradient(*t_, [&](T& g) { g = falsified<T>(before_[i], g - before_[i]), ++i; });
  }
  Falsifier(const Falsifier&) = delete;
  Falsifier& operator=(const Falsifier&) = delete;

 private:
  Tensor<T>* t_;
  std::vector<T> before_;
};

/// The input of `node` to falsify, or null. A view has no arithmetic of its own: its outputs are falsified.
template <class T>
Tensor<T>* to_falsify(const Tape<T>& tape, Node<T>& node) {
  if (mutation.fault == Fault::none || mutation.op.empty() || mutation.op != node.name()) return nullptr;
  if (dynamic_cast<ViewNode<T>*>(&node)) {
    for (std::size_t k = 0; k < node.output_count() && mutation.fault != Fault::store; ++k) {
      const Tensor<T>* out = node.output(k);
      if (!out || !out->held || out->grad_state != GradState::full) continue;
      for_each_gradient(*out, [](T& g) { g = falsified<T>(0, g); });
    }
    return nullptr;
  }
  if (mutation.argument >= node.input_count() || !tape.wants(node.input(mutation.argument))) return nullptr;
  falsified_parameter = &node.input(mutation.argument);
  return &node.input(mutation.argument);
}

template <class T>
Tensor<T>* to_falsify(const DeferredProduct<T>& product) {
  if (mutation.fault == Fault::none || product.parameter.get() != falsified_parameter) return nullptr;
  falsified_parameter = nullptr;
  return product.parameter.get();
}

#else

template <class T>
struct Falsifier {
  explicit Falsifier(std::nullptr_t) {}
};
template <class... X>
constexpr std::nullptr_t to_falsify(const X&...) {
  return nullptr;
}

#endif

}  // namespace unroll::detail
