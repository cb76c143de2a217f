#include "unroll/autograd/gather.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/check_indices.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/runs.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/add_slices.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

/// An array as (outer, V, inner), whose middle axis is indexed, and the array of slices as (outer, N, inner).
struct Plan {
  index_t outer, extent, count, inner;

  /// Calls f(offset in the array, offset in the slices), each for `inner` elements.
  template <class F>
  void each(const Indices& indices, F&& f) const {
    for (index_t o = 0; o < outer; ++o)
      for (index_t n = 0; n < count; ++n) f((o * extent + indices[n]) * inner, (o * count + n) * inner);
  }
  /// Adds the slices to the places in the array that they were taken from, but for those with index `left_out`.
  template <class T>
  void add(const Indices& indices, std::int64_t left_out, const T* slices, T* array) const {
    const SliceAdder<T> adder(indices, extent, left_out);
    for (index_t o = 0; o < outer; ++o)
      adder.add(slices + o * count * inner, inner, array + o * extent * inner);
  }
};

/// The shape of x with the axes [first, last) replaced by others.
Shape replaced(const Shape& x, int first, int last, const Shape& by) {
  std::vector<index_t> extents(x.begin(), x.begin() + first);
  extents.insert(extents.end(), by.begin(), by.end());
  extents.insert(extents.end(), x.begin() + last, x.end());
  return Shape(extents.begin(), extents.end());
}

template <class T>
class GatherNode final : public Node<T> {
 public:
  GatherNode(const char* op, const Plan& plan, Indices indices, int axis, std::int64_t padding,
             std::uint32_t version)
      : op_(op),
        plan_(plan),
        indices_(std::move(indices)),
        axis_(axis),
        padding_(padding),
        version_(version) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad_to_add(this->input(0));
    plan_.add(indices_, padding_, dy, g.data);
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    if (padding_ < 0) return {scatter_add(dy[0], indices_, plan_.extent, axis_)};
    Variable<T> used(indices_.shape().inserted(indices_.shape().rank(), 1), T{1});
    for (index_t n = 0; n < indices_.size(); ++n)
      if (indices_[n] == padding_) used.tensor()->data[n] = T{0};
    return {scatter_add(recorded::mul(dy[0], used), indices_, plan_.extent, axis_)};
  }
  std::string name() const override { return op_; }
  const Indices* lookup() const override {
    const Tensor<T>& table = this->input(0);
    const bool as_it_was = table.version() == version_;
    return axis_ == 0 && padding_ < 0 && table.shape.rank() == 2 && as_it_was ? &indices_ : nullptr;
  }

 private:
  const char* op_;
  Plan plan_;
  Indices indices_;
  int axis_;
  std::int64_t padding_;   ///< the slice without gradient; −1: none
  std::uint32_t version_;  ///< of x when its slices were copied
};

template <class T>
class ScatterAddNode final : public Node<T> {
 public:
  ScatterAddNode(const Plan& plan, Indices indices, int axis)
      : plan_(plan), indices_(std::move(indices)), axis_(axis) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    plan_.each(indices_,
               [&](index_t from, index_t to) { store_or_add(g.data + to, plan_.inner, g.add, dy + from); });
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    return {gather(dy[0], indices_, axis_)};
  }
  std::string name() const override { return "scatter_add"; }

 private:
  Plan plan_;
  Indices indices_;
  int axis_;
};

template <class T>
Variable<T> gather_slices(const char* op, const Variable<T>& x0, const Indices& indices, int axis,
                          std::int64_t padding) {
  const Shape from = x0.shape(), shape = replaced(from, axis, axis + 1, indices.shape());
  check_indices(op, "index", indices, from[axis]);
  const Variable<T> x = dense(x0);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>(op, inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  const Plan plan{from.product(0, axis), from[axis], indices.size(), from.product(axis + 1, from.rank())};
  plan.each(indices,
            [&](index_t at, index_t to) { std::copy_n(x.tensor()->data + at, plan.inner, out->data + to); });
  return finish_op<GatherNode<T>>(recorded, inputs, out, op, plan, indices, axis, padding, x.version());
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> gather(const Variable<T>& x, const Indices& indices, int axis) {
  if (!x) detail::fail_empty("gather", 0);
  return detail::gather_slices("gather", x, indices, normalise_axis("gather", axis, x.rank()), -1);
}

template <class T>
Variable<T> embedding(const Variable<T>& weight, const Indices& indices,
                      std::optional<std::int64_t> padding) {
  if (!weight) detail::fail_empty("embedding", 0);
  if (weight.rank() != 2) raise<ShapeError>("embedding: need weight (V, E); got {}", weight.shape().str());
  if (padding && (*padding < 0 || *padding >= weight.shape()[0]))
    raise<IndexError>("embedding: padding {} is outside [0, {})", *padding, weight.shape()[0]);
  return detail::gather_slices("embedding", weight, indices, 0, padding.value_or(-1));
}

template <class T>
Variable<T> scatter_add(const Variable<T>& x0, const Indices& indices, index_t extent, int axis) {
  using namespace detail;
  if (!x0) fail_empty("scatter_add", 0);
  const Shape from = x0.shape();
  const int rank = indices.shape().rank();
  // An index array of rank 0 stands between two axes: it may stand after the last.
  const int first = normalise_axis("scatter_add", axis, rank == 0 ? from.rank() + 1 : from.rank());
  if (first + rank > from.rank() ||
      !std::equal(indices.shape().begin(), indices.shape().end(), from.begin() + first)) {
    raise<ShapeError>("scatter_add: need the axes {} of the indices at axis {} of x; got x {}",
                      indices.shape().str(), axis, from.str());
  }
  const Shape shape = replaced(from, first, first + rank, Shape{extent});
  check_indices("scatter_add", "index", indices, extent);
  const Variable<T> x = dense(x0);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("scatter_add", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  std::fill_n(out->data, shape.size(), T{0});
  const Plan plan{from.product(0, first), extent, indices.size(), from.product(first + rank, from.rank())};
  plan.add(indices, -1, x.tensor()->data, out->data);
  return finish_op<ScatterAddNode<T>>(recorded, inputs, out, plan, indices, first);
}

template <class T>
Variable<T> one_hot(const Indices& indices, index_t extent) {
  const Shape shape = indices.shape().inserted(indices.shape().rank(), extent);
  detail::check_indices("one_hot", "index", indices, extent);
  Variable<T> y(shape, T{0});
  for (index_t n = 0; n < indices.size(); ++n) y.tensor()->data[n * extent + indices[n]] = T{1};
  return y;
}

UNROLL_COMPILE_FUNCTIONS(gather, embedding, scatter_add, one_hot)

}  // namespace unroll
