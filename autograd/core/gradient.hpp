#pragma once  // internal
/// \file Gradients of tensors: how ops write and read them.
///
/// A gradient is allocated by the first write, which stores; later writes add. A view writes into its
/// parent's gradient, unless somebody wants to see its own. The parent may then be defined in part only:
/// open_grad and finish_grad fill what nobody wrote with zeros, no sooner than it is needed.

#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/runs.hpp"
#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

/// Memory for the gradient of `t`, unless it has some.
template <class T>
void allocate_grad(Tensor<T>& t) {
  if (t.grad_storage) return;
  t.grad_storage = Ref<Block>(Block::allocate(static_cast<std::size_t>(t.shape.size()) * sizeof(T)));
  t.grad = static_cast<T*>(t.grad_storage->data());
}
/// open_grad of a tensor in whose gradient others may have parts.
template <class T>
GradSlot<T> open_entangled_grad(Tensor<T>& t);
/// The gradient of `t`, ready to be written; allocated if need be.
template <class T>
inline GradSlot<T> open_grad(Tensor<T>& t) {
  if (t.grad_place != GradPlace::own || t.extras || t.grad_state == GradState::partial)
    return open_entangled_grad(t);
  // Most are results with memory of their own.
  const index_t size = t.shape.size();
  const bool add = t.grad_state == GradState::full;
  if (add) {
    current_traffic.added += bytes_of<T>(size);
  } else {
    allocate_grad(t);
    t.grad_state = GradState::full;
  }
  return {t.grad, size, size, add};
}
/// The same for an op that can only add: filled with zeros first where nobody has written.
template <class T>
GradSlot<T> open_grad_to_add(Tensor<T>& t);
/// Fills what nobody wrote with zeros, where parts of the gradient are written.
template <class T>
void complete_grad(Tensor<T>& t);
/// The same for any gradient, so that the whole of it may be read.
template <class T>
inline void finish_grad(Tensor<T>& t) {
  if (t.grad_state == GradState::partial) complete_grad(t);
}
template <class T>
inline void clear_grad(Tensor<T>& t) {
  t.grad_state = GradState::none;
  t.grad_part = nullptr;
  t.grad = nullptr;
  t.grad_storage.reset();
}
/// Where the gradient lies that has been written.
template <class T>
GradSlot<T> grad_layout(const Tensor<T>& t) {
  if (t.is_view() && !t.grad_storage) return {t.grad, t.grad_run, t.grad_pitch, true};
  return {t.grad, t.shape.size(), t.shape.size(), true};
}
/// What:   `to` = or += `from`, as the slot says. `from` has `size` elements in runs of `run`, `pitch` apart.
template <class T>
void write_gradient(const GradSlot<T>& to, index_t size, const T* from, index_t run, index_t pitch) {
  for_runs(size, to.run, to.pitch, run, pitch, [&](index_t at, index_t begin, index_t n) {
    store_or_add(to.data + at, n, to.add, from + begin);
  });
}
/// What:   grad(x) += `from`, laid out so; the first write stores, which counts as a copy.
template <class T>
void write_gradient(Tensor<T>& x, const T* from, index_t run, index_t pitch) {
  const index_t size = x.shape.size();
  const GradSlot<T> to = open_grad(x);
  if (!to.add) current_traffic.copied += bytes_of<T>(size);
  write_gradient(to, size, from, run, pitch);
}
/// Sets all elements.
template <class T>
void fill_runs(const GradSlot<T>& to, index_t size, T value);

}  // namespace unroll::detail
