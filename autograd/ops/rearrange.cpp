#include "unroll/autograd/rearrange.hpp"

#include <algorithm>

#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/long_sums.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"

namespace unroll {
namespace detail {
namespace {

/// Along an axis: places [to, to + count) of the result hold the elements [from, from + count) of x.
struct Piece {
  index_t to, from, count;
  bool reversed = false;
};

/// Where the elements of x go, axis by axis; between the pieces lies what is padded. No element goes to two places.
struct Rearrangement {
  const char* op;
  Shape to, from;
  std::array<PoolVector<Piece>, Shape::max_rank> axes{};  ///< in the order of `to`

  /// That leaves x as it is.
  Rearrangement(const char* name, const Shape& shape) : op(name), to(shape), from(shape) {
    for (int a = 0; a < shape.rank(); ++a) pieces(a).push_back({0, 0, shape[a]});
  }
  PoolVector<Piece>& pieces(int axis) { return axes[static_cast<std::size_t>(axis)]; }
  const PoolVector<Piece>& pieces(int axis) const { return axes[static_cast<std::size_t>(axis)]; }
  bool changes(int axis) const {
    const PoolVector<Piece>& p = pieces(axis);
    return p.size() != 1 || p[0].reversed || p[0].count != to[axis] || to[axis] != from[axis];
  }
  Rearrangement inverse() const {
    Rearrangement r = *this;
    std::swap(r.to, r.from);
    for (PoolVector<Piece>& axis : r.axes) {
      for (Piece& p : axis) std::swap(p.to, p.from);
      std::ranges::sort(axis, {}, &Piece::to);
    }
    return r;
  }
};

/// Moves arrays as a Rearrangement says.
template <class T>
class Mover {
 public:
  Mover(const Rearrangement& rule, bool add, T fill) : rule_(rule), add_(add), fill_(fill) {
    for (int a = 0; a < rule.to.rank(); ++a)
      if (rule.changes(a)) last_ = a;
  }
  void operator()(const T* from, T* to) const {
    if (rule_.to.size() == 0) return;
    if (last_ < 0) return store_or_add(to, rule_.to.size(), add_, from);
    along(0, from, to);
  }

 private:
  void along(int axis, const T* from, T* to) const {
    const index_t from_step = rule_.from.product(axis + 1, rule_.from.rank());
    const index_t to_step = rule_.to.product(axis + 1, rule_.to.rank());
    index_t next = 0;
    for (const Piece& p : rule_.pieces(axis)) {
      pad_gap(to + next * to_step, (p.to - next) * to_step);
      next = p.to + p.count;
      if (from_step > 0)
        move(axis, p, from + p.from * from_step, from_step, to + p.to * to_step, to_step);
      else
        pad_gap(to + p.to * to_step, p.count * to_step);  // nothing but padding
    }
    pad_gap(to + next * to_step, (rule_.to[axis] - next) * to_step);
  }
  void pad_gap(T* to, index_t n) const {
    if (!add_) std::fill_n(to, n, fill_);
  }
  // One piece. Behind the last axis that changes, elements stay together.
  void move(int axis, const Piece& p, const T* from, index_t from_step, T* to, index_t to_step) const {
    const auto place = [&](index_t i) { return p.reversed ? p.count - 1 - i : i; };
    if (axis < last_) {
      for (index_t i = 0; i < p.count; ++i) along(axis + 1, from + place(i) * from_step, to + i * to_step);
    } else if (!p.reversed) {
      store_or_add(to, p.count * to_step, add_, from);
    } else if (to_step == 1) {
      store_or_add(to, p.count, add_, [end = from + p.count - 1](index_t i) { return end[-i]; });
    } else {
      for (index_t i = 0; i < p.count; ++i)
        store_or_add(to + i * to_step, to_step, add_, from + place(i) * to_step);
    }
  }

  const Rearrangement& rule_;
  bool add_;
  T fill_;
  int last_ = -1;
};

template <class T>
Variable<T> rearranged(const Variable<T>& x0, const Rearrangement& rule, T fill = T{0});

template <class T>
class RearrangeNode final : public Node<T> {
 public:
  explicit RearrangeNode(Rearrangement back) : back_(std::move(back)) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    Mover<T>(back_, g.add, T{0})(dy, g.data);
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    return {rearranged(dy[0], back_)};
  }
  std::string name() const override { return back_.op; }

 private:
  Rearrangement back_;
};

template <class T>
Variable<T> rearranged(const Variable<T>& x0, const Rearrangement& rule, T fill) {
  const Variable<T> x = dense(x0);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>(rule.op, inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(rule.to);
  Mover<T>(rule, false, fill)(inputs[0]->data, out->data);
  return finish_op<RearrangeNode<T>>(recorded, inputs, out, rule.inverse());
}

/// y (outer, repeats, run) = x (outer, run), repeated.
template <class T>
class TileNode final : public Node<T> {
 public:
  TileNode(index_t outer, index_t repeats, index_t run) : outer_(outer), repeats_(repeats), run_(run) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    for (index_t o = 0; o < outer_; ++o) {
      const auto row = [this, from = dy + o * repeats_ * run_](index_t r) { return from + r * run_; };
      sum_rows_at<T>(repeats_, run_, row, g.data + o * run_, g.add);
    }
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    const Variable<T> copies = reshape(dy[0], Shape{outer_, repeats_, run_});
    return {reshape(sum(copies, 1), this->input(0).shape)};
  }
  std::string name() const override { return "tile"; }
  bool plan(StepPlanner<T>& to) const override {
    to.moves(*this, {{0, 0, 0, {{outer_, run_, repeats_ * run_}, {repeats_, 0, run_}, {run_, 1, 1}}}});
    return true;
  }

 private:
  index_t outer_, repeats_, run_;
};

template <class T>
Variable<T> tiled(const Variable<T>& x0, int axis, index_t repeats) {
  const Shape from = x0.shape(), shape = from.with(axis, from[axis] * repeats);
  const Variable<T> x = dense(x0);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("tile", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  const index_t outer = from.product(0, axis), run = from.product(axis, from.rank());
  T* to = out->data;
  for (index_t o = 0; o < (run > 0 ? outer : 0); ++o)
    for (index_t r = 0; r < repeats; ++r) to = std::copy_n(inputs[0]->data + o * run, run, to);
  return finish_op<TileNode<T>>(recorded, inputs, out, outer, repeats, run);
}

index_t padded_extent(const Shape& shape, int axis, const PadWidth& width) {
  index_t extent = shape[axis];
  if (width.before < 0 || width.after < 0)
    raise<ShapeError>("pad: the widths of axis {} must not be negative; got {} and {}", axis, width.before,
                      width.after);
  if (__builtin_add_overflow(extent, width.before, &extent) ||
      __builtin_add_overflow(extent, width.after, &extent))
    raise<ShapeError>("pad: {} with {} before and {} after axis {} is too large", shape.str(), width.before,
                      width.after, axis);
  return extent;
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> flip(const Variable<T>& x, const Axes& axes) {
  using namespace detail;
  if (!x) fail_empty("flip", 0);
  kept_shape("flip", x.shape(), axes);  // checks the axes
  Rearrangement rule("flip", x.shape());
  for (int axis : axes) rule.pieces(axis < 0 ? axis + x.rank() : axis)[0].reversed = true;
  if (axes.empty())
    for (int a = 0; a < x.rank(); ++a) rule.pieces(a)[0].reversed = true;
  return rearranged(x, rule);
}

template <class T>
Variable<T> roll(const Variable<T>& x, index_t shift, int axis) {
  using namespace detail;
  if (!x) fail_empty("roll", 0);
  const int a = normalise_axis("roll", axis, x.rank());
  const index_t extent = x.shape()[a], s = extent == 0 ? 0 : (shift % extent + extent) % extent;
  Rearrangement rule("roll", x.shape());
  if (s > 0) rule.pieces(a) = {{0, extent - s, s}, {s, 0, extent - s}};
  return rearranged(x, rule);
}

template <class T>
Variable<T> pad(const Variable<T>& x, const std::vector<PadWidth>& widths, std::type_identity_t<T> value) {
  using namespace detail;
  if (!x) fail_empty("pad", 0);
  if (widths.size() != static_cast<std::size_t>(x.rank()))
    raise<ShapeError>("pad: {} has {} axes, but {} widths are given", x.shape().str(), x.rank(),
                      widths.size());
  Rearrangement rule("pad", x.shape());
  for (int a = 0; a < x.rank(); ++a) {
    const PadWidth& width = widths[static_cast<std::size_t>(a)];
    rule.to = rule.to.with(a, padded_extent(x.shape(), a, width));
    rule.pieces(a)[0].to = width.before;
  }
  return rearranged(x, rule, value);
}

template <class T>
Variable<T> tile(const Variable<T>& x, const std::vector<index_t>& repeats) {
  using namespace detail;
  if (!x) fail_empty("tile", 0);
  const auto count = static_cast<int>(std::min<std::size_t>(repeats.size(), Shape::max_rank + 1));
  Shape shape = x.shape();
  while (shape.rank() < count) shape = shape.inserted(0, 1);
  Shape result = shape;
  for (int k = 0; k < count; ++k) {
    const int axis = shape.rank() - count + k;
    const index_t n = repeats[static_cast<std::size_t>(k)];
    index_t extent = 0;
    if (n < 0) raise<ShapeError>("tile: a number of repeats must not be negative; got {}", n);
    if (__builtin_mul_overflow(shape[axis], n, &extent))
      raise<ShapeError>("tile: axis {} of {} cannot be repeated {} times", axis, shape.str(), n);
    result = result.with(axis, extent);
  }
  Variable<T> y = reshape(x, shape);
  for (int axis = shape.rank() - 1; axis >= 0; --axis)
    if (const int k = axis - shape.rank() + count; k >= 0 && repeats[static_cast<std::size_t>(k)] != 1)
      y = tiled(y, axis, repeats[static_cast<std::size_t>(k)]);
  return y;
}

UNROLL_COMPILE_FUNCTIONS(flip, roll, pad, tile)

}  // namespace unroll
