#include "unroll/autograd/views.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/fuse.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll {
namespace detail {
namespace {

// Slices along `axis` of a view that is itself cut into runs: expressible only inside or across whole runs.
template <class T>
bool sliceable(const Tensor<T>& t, int axis) {
  if (t.dense()) return true;
  if (t.requires_grad && !t.is_view()) return false;
  const index_t inner = t.shape.product(axis + 1, t.shape.rank());
  return t.shape[axis] * inner == t.run ||
         (t.shape.product(0, axis) == 1 && t.run != 0 && inner % t.run == 0);
}

template <class T>
TensorRef<T> make_part(ViewNode<T>& op, Tensor<T>& parent, std::size_t k, const Shape& shape) {
  const GradSlot<T> region = op.region(k, {parent.data, parent.run, parent.pitch, true});
  return Tensor<T>::alias(parent.storage, region.data, shape, region.run, region.pitch);
}

// The op that cuts x at `bounds`, on the tape if it is to be recorded. It adopts its parts as they are made.
template <class T>
Ref<ViewNode<T>> make_cut(bool recorded, ViewKind kind, const Variable<T>& x, int axis,
                          PoolVector<index_t> bounds, bool squeeze) {
  Tensor<T>* const inputs[] = {x.tensor()};
  const std::size_t parts = bounds.size() - 1;
  Ref<ViewNode<T>> node =
      make_node<ViewNode<T>>(inputs, parts, kind, x.shape(), axis, std::move(bounds), squeeze);
  if (recorded) Tape<T>::local().record(node.get());
  return node;
}

// Gives the slices of x along `axis` at `bounds` to take(k, slice); only number `only` where that is ≥ 0.
template <class T, class F>
void cut(ViewKind kind, const Variable<T>& x, int axis, PoolVector<index_t> bounds, bool squeeze,
         index_t only, F&& take) {
  const Variable<T> parent = sliceable(*x.tensor(), axis) ? x : dense(x);
  Tensor<T>* const inputs[] = {parent.tensor()};
  const bool recorded = begin_op<T>(name_of(kind), inputs);
  const Ref<ViewNode<T>> node = make_cut(recorded, kind, parent, axis, std::move(bounds), squeeze);
  Shape shape;
  index_t extent = -1;  // that `shape` is for: equal parts have one
  for (std::size_t k = 0; k < node->parts(); ++k) {
    if (only >= 0 && k != static_cast<std::size_t>(only)) continue;
    if (node->extent(k) != extent) {
      extent = node->extent(k);
      shape = node->part_shape(k);
    }
    TensorRef<T> part = make_part(*node, *parent.tensor(), k, shape);
    if (recorded) {
      part->grad_place = GradPlace::in_parent;
      node->adopt(k, part);
    }
    take(k, Variable<T>(std::move(part)));
  }
}

}  // namespace

template <class T>
std::vector<Variable<T>> view_parts(ViewKind kind, const Variable<T>& x, int axis, PoolVector<index_t> bounds,
                                    bool squeeze, index_t only) {
  std::vector<Variable<T>> parts;
  cut(kind, x, axis, std::move(bounds), squeeze, only,
      [&](std::size_t, Variable<T> part) { parts.push_back(std::move(part)); });
  return parts;
}

// 0, 1, …, n
PoolVector<index_t> each(index_t n) {
  PoolVector<index_t> bounds(static_cast<std::size_t>(n + 1));
  for (index_t t = 0; t <= n; ++t) bounds[static_cast<std::size_t>(t)] = t;
  return bounds;
}

template <class T>
LazyUnbind<T>::LazyUnbind(Variable<T> x) : LazyUnbind(x, each(x.shape()[0]), true) {}
template <class T>
LazyUnbind<T>::LazyUnbind(Variable<T> x, PoolVector<index_t> bounds)
    : LazyUnbind(std::move(x), std::move(bounds), false) {}

template <class T>
LazyUnbind<T>::LazyUnbind(Variable<T> x, PoolVector<index_t> bounds, bool squeeze)
    : count_(static_cast<index_t>(bounds.size()) - 1) {
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("unbind", inputs);
  node_ = make_cut(recorded, ViewKind::unbind, x, 0, std::move(bounds), squeeze);
  if (!recorded) x_ = std::move(x);
}

template <class T>
Variable<T> LazyUnbind<T>::operator()(index_t t, bool donate) {
  const auto k = static_cast<std::size_t>(t);
  if (Tensor<T>* alive = node_->output(k)) return Variable<T>(TensorRef<T>(alive));
  Tensor<T>& parent = node_->input(0);
  TensorRef<T> part = make_part(*node_, parent, k, node_->part_shape(k));
  if (!x_) {
    node_->adopt(k, part);
    part->grad_place = GradPlace::in_parent;
    part->donatable = donate && parent.refs == 1 && parent.creator && parent.creator->recomputable();
  }
  return Variable<T>(std::move(part));
}

template <class T>
Variable<T> LazyUnbind<T>::together(index_t first, index_t last) {
  node_->merge(static_cast<std::size_t>(first), static_cast<std::size_t>(last));
  return (*this)(first);
}

template <class T>
std::vector<Variable<T>> ViewNode<T>::again(const std::vector<Variable<T>>& inputs) const {
  if (reshapes_) return {reshape(inputs[0], reshaped_)};
  std::vector<Variable<T>> outputs(parts());
  cut(kind_, inputs[0], axis_, bounds_, squeeze_, -1,
      [&](std::size_t k, Variable<T> part) { outputs[k] = std::move(part); });
  return outputs;
}

}  // namespace detail

namespace {

// Of an array without elements any number of parts could be made; their memory has a limit all the same.
template <class T>
void check_count(const char* op, const Variable<T>& x, index_t parts) {
  constexpr index_t most = 1 << 20;
  if (x.size() == 0 && parts > most)
    raise<ShapeError>("{}: {} has no elements and is cut into at most {} parts; got {}", op, x.shape().str(),
                      most, parts);
}

// The bounds of `parts` equal pieces along `axis`, which is made non-negative.
template <class T>
detail::PoolVector<index_t> equal_parts(const Variable<T>& x, index_t parts, int& axis) {
  if (!x) detail::fail_empty("chunk", 0);
  axis = normalise_axis("chunk", axis, x.rank());
  const index_t extent = x.shape()[axis];
  if (parts < 1 || extent % parts != 0) {
    raise<ShapeError>("chunk: axis {} of {} cannot be cut into {} equal parts", axis, x.shape().str(), parts);
  }
  check_count("chunk", x, parts);
  detail::PoolVector<index_t> bounds(static_cast<std::size_t>(parts + 1));
  for (index_t k = 0; k <= parts; ++k) bounds[static_cast<std::size_t>(k)] = k * (extent / parts);
  return bounds;
}

}  // namespace

template <class T>
std::vector<Variable<T>> chunk(const Variable<T>& x, index_t parts, int axis) {
  detail::PoolVector<index_t> bounds = equal_parts(x, parts, axis);
  return detail::view_parts(detail::ViewKind::chunk, x, axis, std::move(bounds), false);
}

template <class T>
void detail::chunk_into(const Variable<T>& x, int axis, std::span<Variable<T>> parts) {
  PoolVector<index_t> bounds = equal_parts(x, static_cast<index_t>(parts.size()), axis);
  cut(ViewKind::chunk, x, axis, std::move(bounds), false, -1,
      [&](std::size_t k, Variable<T> part) { parts[k] = std::move(part); });
}

template <class T>
std::vector<Variable<T>> unbind(const Variable<T>& x, int axis) {
  if (!x) detail::fail_empty("unbind", 0);
  axis = normalise_axis("unbind", axis, x.rank());
  const index_t extent = x.shape()[axis];
  check_count("unbind", x, extent);
  detail::PoolVector<index_t> bounds(static_cast<std::size_t>(extent + 1));
  for (index_t k = 0; k <= extent; ++k) bounds[static_cast<std::size_t>(k)] = k;
  return detail::view_parts(detail::ViewKind::unbind, x, axis, std::move(bounds), true);
}

template <class T>
Variable<T> select(const Variable<T>& x, int axis, index_t index) {
  if (!x) detail::fail_empty("select", 0);
  axis = normalise_axis("select", axis, x.rank());
  const index_t extent = x.shape()[axis];
  const index_t i = index < 0 ? index + extent : index;
  if (i < 0 || i >= extent)
    raise<IndexError>("select: index {} is outside axis {} of {}", index, axis, x.shape().str());
  detail::PoolVector<index_t> bounds = {0, i, i + 1, extent};
  return detail::view_parts(detail::ViewKind::select, x, axis, std::move(bounds), true, 1)[0];
}

template <class T>
Variable<T> reshape(const Variable<T>& x, const Shape& shape) {
  using detail::Tensor;
  if (!x) detail::fail_empty("reshape", 0);
  if (shape.size() != x.size()) {
    raise<ShapeError>("reshape: {} has {} elements, {} has {}", x.shape().str(), x.size(), shape.str(),
                      shape.size());
  }
  if (shape == x.shape()) return x;
  const Variable<T> parent = dense(x);
  Tensor<T>* const inputs[] = {parent.tensor()};
  const bool recorded = detail::begin_op<T>("reshape", inputs);
  const Tensor<T>& t = *parent.tensor();
  const Variable<T> whole(Tensor<T>::alias(t.storage, t.data, shape, shape.size(), shape.size()));
  if (recorded) {
    whole.tensor()->grad_place = detail::GradPlace::in_parent;
    detail::record_op<detail::ViewNode<T>>(inputs, {&whole, 1}, t.shape, shape);
  }
  return whole;
}

template <class T>
Variable<T> reshape(const Variable<T>& x, std::initializer_list<index_t> extents) {
  if (!x) detail::fail_empty("reshape", 0);
  std::vector<index_t> e(extents);
  index_t known = 1, open = -1;
  for (std::size_t k = 0; k < e.size(); ++k) {
    if (e[k] != -1) {
      known *= e[k];
    } else if (open >= 0) {
      raise<ShapeError>("reshape: only one extent may be -1");
    } else {
      open = static_cast<index_t>(k);
    }
  }
  if (open >= 0) {
    if (known <= 0 || x.size() % known != 0) {
      raise<ShapeError>("reshape: {} has {} elements, not a multiple of {}", x.shape().str(), x.size(),
                        known);
    }
    e[static_cast<std::size_t>(open)] = x.size() / known;
  }
  return reshape(x, Shape(e.begin(), e.end()));
}

template <class T>
Variable<T> dense(const Variable<T>& x) {
  if (!x) detail::fail_empty("dense", 0);
  if (x.tensor()->dense()) return x;
  detail::current_traffic.copied += detail::bytes_of<T>(x.size());
  return fuse([](auto a) { return a; }, x);
}

UNROLL_COMPILE_TYPES(class detail::LazyUnbind)
template std::vector<Variable<float>> detail::ViewNode<float>::again(
    const std::vector<Variable<float>>&) const;
template std::vector<Variable<double>> detail::ViewNode<double>::again(
    const std::vector<Variable<double>>&) const;
UNROLL_COMPILE_FUNCTIONS(chunk, unbind, select, dense, detail::view_parts, detail::chunk_into)
template Variable<float> reshape(const Variable<float>&, const Shape&);
template Variable<double> reshape(const Variable<double>&, const Shape&);
template Variable<float> reshape(const Variable<float>&, std::initializer_list<index_t>);
template Variable<double> reshape(const Variable<double>&, std::initializer_list<index_t>);

}  // namespace unroll
