#include "unroll/autograd/permute.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <numeric>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/runs.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

using Order = std::array<int, Shape::max_rank>;

/// How to copy with axes exchanged: for each axis of the result its extent and the steps in both arrays.
struct Walk {
  std::array<index_t, Shape::max_rank> extent{}, from{}, to{};
  int rank = 0;
};

// Axes of one element are left out, and neighbours that stay neighbours are merged.
Walk plan_walk(const Shape& x, const Order& order) {
  Walk w;
  std::array<index_t, Shape::max_rank> stride{};
  index_t below = 1;
  for (int a = x.rank() - 1; a >= 0; --a) {
    stride[static_cast<std::size_t>(a)] = below;
    below *= x[a];
  }
  for (int k = 0; k < x.rank(); ++k) {
    const int a = order[static_cast<std::size_t>(k)];
    const index_t extent = x[a], step = stride[static_cast<std::size_t>(a)];
    if (extent == 1) continue;
    auto last = static_cast<std::size_t>(w.rank - 1);
    if (w.rank > 0 && w.from[last] == extent * step) {
      w.extent[last] *= extent;
    } else {
      last = static_cast<std::size_t>(w.rank++);
      w.extent[last] = extent;
    }
    w.from[last] = step;
  }
  below = 1;
  for (int k = w.rank - 1; k >= 0; --k) {
    w.to[static_cast<std::size_t>(k)] = below;
    below *= w.extent[static_cast<std::size_t>(k)];
  }
  return w;
}

// to[i · row + j] = from[i + j · step], in tiles, so that both sides stay in the cache.
template <class T>
void copy_transposed(const T* from, index_t step, index_t rows, index_t cols, T* to, index_t row, bool add) {
  constexpr index_t tile = 16;
  for (index_t i0 = 0; i0 < rows; i0 += tile) {
    const index_t i1 = std::min(rows, i0 + tile);
    for (index_t j0 = 0; j0 < cols; j0 += tile) {
      const index_t j1 = std::min(cols, j0 + tile);
      for (index_t i = i0; i < i1; ++i) {
        const T* first = from + i + j0 * step;
        store_or_add(to + i * row + j0, j1 - j0, add, [&](index_t j) { return first[j * step]; });
      }
    }
  }
}

// Copies along the last axis and `beside`, the axis along which `from` is contiguous (the last itself where
// nothing is transposed), for each index of the other axes.
template <class T>
void walk_axes(const Walk& w, int axis, int beside, const T* from, T* to, bool add) {
  const auto k = static_cast<std::size_t>(axis), last = static_cast<std::size_t>(w.rank - 1);
  const auto b = static_cast<std::size_t>(beside);
  if (axis == w.rank - 1) {
    if (b == last) {
      store_or_add(to, w.extent[last], add, from);
    } else {
      copy_transposed(from, w.from[last], w.extent[b], w.extent[last], to, w.to[b], add);
    }
  } else if (axis == beside) {
    walk_axes(w, axis + 1, beside, from, to, add);
  } else {
    for (index_t i = 0; i < w.extent[k]; ++i)
      walk_axes(w, axis + 1, beside, from + i * w.from[k], to + i * w.to[k], add);
  }
}

/// to (+)= x with its axes in another order.
template <class T>
void permute_to(const T* x, const Shape& shape, const Order& order, T* to, bool add) {
  if (shape.size() == 0) return;
  const Walk w = plan_walk(shape, order);
  if (w.rank == 0) return store_or_add(to, 1, add, x);
  int beside = 0;
  while (w.from[static_cast<std::size_t>(beside)] != 1) ++beside;
  walk_axes(w, 0, beside, x, to, add);
}

template <class T>
class PermuteNode final : public Node<T> {
 public:
  /// inverse: where each axis of the input went.
  explicit PermuteNode(const Order& inverse) : inverse_(inverse) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    permute_to(dy, this->output()->shape, inverse_, g.data, g.add);
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    return {permute(dy[0], {inverse_.begin(), inverse_.begin() + dy[0].rank()})};
  }
  std::string name() const override { return "permute"; }
  bool plan(StepPlanner<T>& to) const override {
    const Shape &in = this->input(0).shape, &out = this->output()->shape;
    StepMove move{0};
    index_t from = in.size();
    for (int axis = 0; axis < in.rank(); ++axis) {
      const int place = inverse_[static_cast<std::size_t>(axis)];
      from /= in[axis];
      move.axes.push_back({in[axis], from, out.product(place + 1, out.rank())});
    }
    to.moves(*this, {std::move(move)});
    return true;
  }

 private:
  Order inverse_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> permute(const Variable<T>& x, const std::vector<int>& order) {
  using namespace detail;
  if (!x) fail_empty("permute", 0);
  if (order.size() != static_cast<std::size_t>(x.rank())) {
    raise<ShapeError>("permute: {} has {} axes, but {} are named", x.shape().str(), x.rank(), order.size());
  }
  Order from{}, inverse{};
  inverse.fill(-1);
  std::vector<index_t> extents;
  for (int k = 0; k < x.rank(); ++k) {
    const int axis = order[static_cast<std::size_t>(k)], a = normalise_axis("permute", axis, x.rank());
    if (inverse[static_cast<std::size_t>(a)] >= 0) raise<IndexError>("permute: axis {} is named twice", axis);
    inverse[static_cast<std::size_t>(a)] = k;
    from[static_cast<std::size_t>(k)] = a;
    extents.push_back(x.shape()[a]);
  }
  const Variable<T> a = dense(x);
  Tensor<T>* const inputs[] = {a.tensor()};
  const bool recorded = begin_op<T>("permute", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(Shape(extents.begin(), extents.end()));
  permute_to(a.tensor()->data, a.shape(), from, out->data, false);
  return finish_op<PermuteNode<T>>(recorded, inputs, out, inverse);
}

template <class T>
Variable<T> transpose(const Variable<T>& x, int axis0, int axis1) {
  if (!x) detail::fail_empty("transpose", 0);
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  const int a = normalise_axis("transpose", axis0, x.rank());
  std::swap(order[static_cast<std::size_t>(a)],
            order[static_cast<std::size_t>(normalise_axis("transpose", axis1, x.rank()))]);
  return permute(x, order);
}

template <class T>
Variable<T> transpose(const Variable<T>& x) {
  if (!x) detail::fail_empty("transpose", 0);
  if (x.rank() != 2) raise<ShapeError>("transpose: need a matrix; got {}", x.shape().str());
  return permute(x, {1, 0});
}

UNROLL_COMPILE_FUNCTIONS(permute)
template Variable<float> transpose(const Variable<float>&, int, int);
template Variable<double> transpose(const Variable<double>&, int, int);
template Variable<float> transpose(const Variable<float>&);
template Variable<double> transpose(const Variable<double>&);

}  // namespace unroll
