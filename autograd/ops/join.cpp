#include "unroll/autograd/join.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/runs.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

/// y = concat(x_1, x_2, …): seen as `outer` blocks, each the inputs' blocks in turn.
template <class T>
class ConcatNode final : public Node<T> {
 public:
  explicit ConcatNode(int axis) : axis_(axis) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const Shape& shape = this->output()->shape;
    const T* dy = this->output_grad();
    if (!dy) return;
    const index_t inner = shape.product(axis_ + 1, shape.rank());
    const index_t pitch = shape[axis_] * inner;
    index_t offset = 0;
    for (std::size_t k = 0; k < this->input_count(); ++k) {
      Tensor<T>& x = this->input(k);
      const index_t run = x.shape[axis_] * inner;
      if (this->wants(k)) write_gradient<T>(x, dy + offset, run, pitch);
      offset += run;
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    std::vector<Variable<T>> dx(this->input_count());
    index_t begin = 0;
    for (std::size_t k = 0; k < dx.size(); ++k) {
      const index_t end = begin + this->input(k).shape[axis_];
      if (this->wants(k)) dx[k] = slice(dy[0], axis_, begin, end);
      begin = end;
    }
    return dx;
  }

  std::string name() const override { return "concat"; }

  bool plan(StepPlanner<T>& to) const override {
    const Shape& shape = this->output()->shape;
    const index_t outer = shape.product(0, axis_), row = shape.product(axis_, shape.rank());
    std::vector<StepMove> moves;
    index_t at = 0;
    for (std::size_t k = 0; k < this->input_count(); ++k) {
      const index_t run = this->input(k).shape.product(axis_, shape.rank());
      moves.push_back({k, 0, at, {{outer, run, row}, {run, 1, 1}}});
      at += run;
    }
    to.moves(*this, std::move(moves));
    return true;
  }

 private:
  int axis_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> concat(const std::vector<Variable<T>>& xs, int axis) {
  using detail::Tensor;
  if (xs.empty()) raise<UsageError>("concat: the list is empty; give at least one array");
  std::vector<Tensor<T>*> inputs;
  for (std::size_t k = 0; k < xs.size(); ++k) {
    if (!xs[k]) detail::fail_empty("concat", k);
    inputs.push_back(xs[k].tensor());
  }
  axis = normalise_axis("concat", axis, xs[0].rank());
  index_t extent = 0;
  for (const Variable<T>& x : xs) {
    if (x.rank() != xs[0].rank() || x.shape().with(axis, 0) != xs[0].shape().with(axis, 0)) {
      raise<ShapeError>("concat: shapes must agree but for axis {}; got {} and {}", axis, xs[0].shape().str(),
                        x.shape().str());
    }
    extent += x.shape()[axis];
  }
  const Shape shape = xs[0].shape().with(axis, extent);
  const bool recorded = detail::begin_op<T>("concat", inputs);
  const detail::TensorRef<T> out = detail::Tape<T>::local().allocate_output(shape);
  const index_t outer = shape.product(0, axis), inner = shape.product(axis + 1, shape.rank());
  index_t offset = 0;
  detail::current_traffic.copied += detail::bytes_of<T>(shape.size());
  for (const Tensor<T>* x : inputs) {
    const index_t run = x->shape[axis] * inner;
    if (outer * run > 0) {
      detail::for_runs(outer * run, x->run, x->pitch, run, shape[axis] * inner,
                       [&](index_t from, index_t to, index_t n) {
                         std::copy_n(x->data + from, n, out->data + offset + to);
                       });
    }
    offset += run;
  }
  return detail::finish_op<detail::ConcatNode<T>>(recorded, inputs, out, axis);
}

template <class T>
Variable<T> stack(const std::vector<Variable<T>>& xs, int axis) {
  if (xs.empty()) raise<UsageError>("stack: the list is empty; give at least one array");
  if (!xs[0]) detail::fail_empty("stack", 0);
  const Shape shape = xs[0].shape();
  const int at = normalise_axis("stack", axis, shape.rank() + 1);
  std::vector<Variable<T>> rows;
  for (std::size_t k = 0; k < xs.size(); ++k) {
    if (!xs[k]) detail::fail_empty("stack", k);
    if (xs[k].shape() != shape) {
      raise<ShapeError>("stack: shapes must be equal; got {} and {}", shape.str(), xs[k].shape().str());
    }
    rows.push_back(reshape(xs[k], shape.inserted(at, 1)));
  }
  return concat(rows, at);
}

template Variable<float> concat(const std::vector<Variable<float>>&, int);
template Variable<double> concat(const std::vector<Variable<double>>&, int);
template Variable<float> stack(const std::vector<Variable<float>>&, int);
template Variable<double> stack(const std::vector<Variable<double>>&, int);

}  // namespace unroll
