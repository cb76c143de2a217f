/// \file Gradients of views and of what they are views of: who may store and who must add.

#include <algorithm>

#include "unroll/autograd/variable.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/mutants.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {

/// The rules of tensor.hpp on who may store and who must add.
template <class T>
struct GradWriter {
  static ViewNode<T>& parent_op(const Tensor<T>& view) { return static_cast<ViewNode<T>&>(*view.creator); }

  static void touch(Tensor<T>& t) {
    if (!t.creator && t.has_hooks()) Tape<T>::local().touch_hooked(t);
  }

  /// Makes the gradient's memory exist. Returns whether it holds values.
  static bool reserve(Tensor<T>& t) {
    if (t.is_view() && !t.observed()) return reserve_part(t);
    if (t.shares_grad() && !t.observed() && reserve_shared(t)) return false;
    allocate_grad(t);
    return false;
  }

  static bool reserve_shared(Tensor<T>& t) {
    Tensor<T>& host = t.creator->input(0);
    if (host.restored || host.grad_state != GradState::none || !Tape<T>::local().wants(host)) return false;
    if (open(host)) {
      // The host's region held values after all: what t collects will be added to them.
      return false;
    }
    t.grad = host.grad;
    return true;
  }

  /// For a writer of the whole of t.
  static bool open(Tensor<T>& t) {
    touch(t);
    if (t.grad_state == GradState::full) return true;
    if (t.grad_state == GradState::partial) {
      complete(t);
      return true;
    }
    const bool holds = reserve(t);
    t.grad_state = GradState::full;
    return holds;
  }

  static bool reserve_part(Tensor<T>& view) {
    const GradSlot<T> slot = open_region(parent_op(view), view.member);
    view.grad = slot.data;
    view.grad_run = slot.run, view.grad_pitch = slot.pitch;
    return slot.add;
  }

  /// The region of part k in the gradient of the parent.
  static GradSlot<T> open_region(ViewNode<T>& op, std::size_t k) {
    Tensor<T>& parent = op.input(0);
    touch(parent);
    if (parent.grad_state == GradState::none) {
      if (reserve(parent)) {
        parent.grad_state = GradState::full;
      } else {
        parent.grad_state = GradState::partial;
        parent.grad_part = &op;
        std::fill_n(op.written(), op.parts(), std::byte{0});
      }
    } else if (parent.grad_state == GradState::partial && parent.grad_part != &op) {
      complete(parent);
    }
    GradSlot<T> slot = op.region(k, grad_layout(parent));
    slot.add =
        parent.grad_state == GradState::full || std::exchange(op.written()[k], std::byte{1}) != std::byte{0};
    slot.add = slot.add && !mutate_store(name_of(op.kind_));
    return slot;
  }

  /// Zeros where nobody wrote; a member that is itself defined in part comes first.
  static void complete(Tensor<T>& t) {
    ViewNode<T>& op = *t.grad_part;
    for (std::size_t k = 0; k < op.parts(); ++k) {
      Tensor<T>* member = op.output(k);
      if (op.written()[k] == std::byte{0}) {
        fill_runs(op.region(k, grad_layout(t)), op.part_size(k), T{0});
      } else if (member && member->grad_state == GradState::partial) {
        complete(*member);
      }
    }
    t.grad_state = GradState::full;
    t.grad_part = nullptr;
  }
};

template <class T>
GradSlot<T> open_entangled_grad(Tensor<T>& t) {
  const bool holds = GradWriter<T>::open(t);
  GradSlot<T> slot = grad_layout(t);
  slot.add = holds;
  if (slot.add) current_traffic.added += bytes_of<T>(t.shape.size());
  return slot;
}

template <class T>
GradSlot<T> open_grad_to_add(Tensor<T>& t) {
  GradSlot<T> slot = open_grad(t);
  if (!slot.add) fill_runs(slot, t.shape.size(), T{0});
  slot.add = true;
  return slot;
}

template <class T>
void complete_grad(Tensor<T>& t) {
  GradWriter<T>::complete(t);
}

template <class T>
void restore(Tensor<T>& t) {
  auto& view = static_cast<ViewNode<T>&>(*t.creator);
  if (view.released())
    raise<UsageError>("{}: the value was overwritten and its op released; copy() it first", view.name());
  Tensor<T>& parent = view.input(0);
  const index_t cols = parent.shape.back(0);
  const Ref<Block> storage(Block::allocate(static_cast<std::size_t>(t.shape.size()) * sizeof(T)));
  auto* data = static_cast<T*>(storage->data());
  if (cols > 0) parent.creator->recompute((t.data - parent.data) / cols, t.shape.size() / cols, data);
  t.storage = storage;
  t.data = data;
  t.consumed = t.donatable = false;
  t.restored = true;
}

template <class T>
void fill_runs(const GradSlot<T>& to, index_t size, T value) {
  if (size == 0) return;
  current_traffic.zeroed += bytes_of<T>(size);
  T* run = to.data;
  for (index_t done = 0; done < size; done += to.run, run += to.pitch) std::fill_n(run, to.run, value);
}

// --- ViewNode -----------------------------------------------------------------------------------------

const char* name_of(ViewKind kind) {
  static constexpr const char* names[] = {"chunk", "unbind", "slice", "select", "split", "reshape"};
  return names[static_cast<std::size_t>(kind)];
}

template <class T>
ViewNode<T>::ViewNode(ViewKind kind, const Shape& parent, int axis, PoolVector<index_t> bounds, bool squeeze)
    : kind_(kind),
      axis_(axis),
      squeeze_(squeeze),
      bounds_(std::move(bounds)),
      outer_(parent.product(0, axis)),
      inner_(parent.product(axis + 1, parent.rank())) {}

template <class T>
ViewNode<T>::ViewNode(const Shape& parent, const Shape& reshaped)
    : ViewNode(ViewKind::reshape, parent, 0, {0, 1}, false) {
  reshapes_ = true;
  reshaped_ = reshaped;
}

template <class T>
void ViewNode<T>::backward() {
  Tensor<T>& parent = this->input(0);
  for (std::size_t k = 0; k < parts(); ++k) {
    const Tensor<T>* part = this->output(k);
    if (!part || !part->grad_storage || !this->output_grad(k) || !this->wants(0)) continue;
    const GradSlot<T> to = GradWriter<T>::open_region(*this, k);
    const index_t n = part->shape.size();
    (to.add ? current_traffic.added : current_traffic.copied) += bytes_of<T>(n);
    write_gradient<T>(to, n, part->grad, n, n);
  }
  if (parent.grad_state == GradState::partial && parent.grad_part == this) GradWriter<T>::complete(parent);
}

template <class T>
GradSlot<T> ViewNode<T>::region(std::size_t k, const GradSlot<T>& whole) const {
  const Shape& parent = this->input(0).shape;
  const index_t size = parent.size();
  if (reshapes_) return {whole.data, size, size, true};
  const index_t before = bounds_[k] * inner_, extent = this->extent(k) * inner_;
  const index_t whole_extent = parent[axis_] * inner_, part = outer_ * extent;
  GradSlot<T> r;
  if (whole.run == size || whole.pitch == whole.run) {
    r = {whole.data + before, extent, whole_extent, true};
  } else if (whole_extent == whole.run) {  // inside every run
    r = {whole.data + before, extent, whole.pitch, true};
  } else {  // whole runs: views.cpp copies what is neither
    r = {whole.data + before / whole.run * whole.pitch, whole.run, whole.pitch, true};
  }
  if (r.run == r.pitch || r.run >= part) r.run = r.pitch = part;
  return r;
}

template <class T>
Shape ViewNode<T>::part_shape(std::size_t k) const {
  if (reshapes_) return reshaped_;
  const Shape& parent = this->input(0).shape;
  return squeeze_ && extent(k) == 1 ? parent.without(axis_) : parent.with(axis_, extent(k));
}

template <class T>
bool ViewNode<T>::plan(StepPlanner<T>& to) const {
  to.parts(*this);
  return true;
}

template <class T>
void ViewNode<T>::merge(std::size_t first, std::size_t last) {
  this->drop_outputs(first, last - 1);
  const auto begin = bounds_.begin() + static_cast<std::ptrdiff_t>(first);
  bounds_.erase(begin + 1, begin + static_cast<std::ptrdiff_t>(last - first));
}

UNROLL_COMPILE_TYPES(class ViewNode)
UNROLL_COMPILE_FUNCTIONS(open_entangled_grad, open_grad_to_add, complete_grad, restore, fill_runs)

}  // namespace unroll::detail
