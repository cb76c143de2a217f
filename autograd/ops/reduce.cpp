#include "unroll/autograd/reduce.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/loop.hpp"
#include "unroll/detail/autograd/core/runs.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"
#include "unroll/detail/autograd/ops/row_blocks.hpp"

namespace unroll {
namespace detail {
namespace {

/// y = Σ x over the axes along which `kept` broadcasts; y may have lost those axes.
template <class T>
class SumNode final : public Node<T> {
 public:
  explicit SumNode(const Shape& kept) : kept_(kept) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    Tensor<T>& x = this->input(0);
    const GradSlot<T> g = open_grad(x);
    const Layout layouts[] = {{&x.shape, g.run, g.pitch}, {&kept_, kept_.size(), kept_.size()}};
    Lane lanes[2];
    const Loop loop = plan_loop(x.shape, layouts, lanes);
    for_slabs(loop, [&](const index_t* index) {
      for (index_t r = 0; r < loop.rows; ++r) {
        T* to = g.data + outer_offset(loop, lanes[0], index) + r * lanes[0].row;
        const T* from = dy + outer_offset(loop, lanes[1], index) + r * lanes[1].row;
        if (lanes[1].mask != 0) {
          store_or_add(to, loop.cols, g.add, from);
        } else if (loop.cols > 0) {  // else not even *from need exist
          store_or_add(to, loop.cols, g.add, [value = *from](index_t) { return value; });
        }
      }
    });
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    const Shape& shape = this->input(0).shape;
    return {apply_compiled(ScalarOp::add, {reshape(dy[0], kept_), Variable<T>(shape, T{0})})};
  }

  std::string name() const override { return "sum"; }
  bool plan(StepPlanner<T>& to) const override {
    to.sums(*this, kept_);
    return true;
  }

 private:
  Shape kept_;
};

// Whether more than one pass of the loop adds to an element of the sum.
bool adds_again(const Loop& loop, const Lane& sum) {
  bool again = sum.mask == 0 && sum.row == 0 && loop.rows > 1;
  for (int k = 0; k < loop.outer_rank; ++k) again = again || (sum.outer[k] == 0 && loop.outer[k] > 1);
  return again;
}

/// sums += Σ x over the axes along which `kept` broadcasts.
template <class T, class Sum>
void add_up(const Tensor<T>& x, const Loop& loop, const Lane* lanes, Sum* sums) {
  if (loop.cols == 0) return;  // not even an element of the sum need exist
  const Lane &from_lane = lanes[0], &to_lane = lanes[1];
  for_slabs(loop, [&](const index_t* index) {
    const T* const from = x.data + outer_offset(loop, from_lane, index);
    Sum* const to = sums + outer_offset(loop, to_lane, index);
    const auto row = [&](index_t r) { return from + r * from_lane.row; };
    if (to_lane.mask == 0 && from_lane.mask != 0) {
      for (index_t r = 0; r < loop.rows; ++r) {
        const double sum = wide_sum_blocks<T>(
            loop.cols, [x = row(r)](index_t j, index_t n)
                           __attribute__((always_inline)) { return load_block(x + j, n); });
        to[r * to_lane.row] = static_cast<Sum>(static_cast<double>(to[r * to_lane.row]) + sum);
      }
    } else if (to_lane.row == 0) {
      sum_rows_at<T>(loop.rows, loop.cols, row, to, true);
    } else {
      for (index_t r = 0; r < loop.rows; ++r)
        store_or_add(to + r * to_lane.row, loop.cols, true, [x = row(r)](index_t j) { return x[j]; });
    }
  });
}

}  // namespace

template <class T>
Variable<T> sum_to(const Variable<T>& x, const Shape& kept, const Shape& shape) {
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("sum", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  std::fill_n(out->data, shape.size(), T{0});
  const Tensor<T>& t = *x.tensor();
  const Layout layouts[] = {{&t.shape, t.run, t.pitch}, {&kept, kept.size(), kept.size()}};
  Lane lanes[2];
  const Loop loop = plan_loop(t.shape, layouts, lanes);
  if (sizeof(T) < sizeof(double) && adds_again(loop, lanes[1]) &&
      t.shape.size() > chain_terms * kept.size()) {
    PoolVector<double> sums(static_cast<std::size_t>(kept.size()), 0.0);
    add_up(t, loop, lanes, sums.data());
    std::ranges::transform(sums, out->data, [](double sum) { return static_cast<T>(sum); });
  } else {
    add_up(t, loop, lanes, out->data);
  }
  return finish_op<SumNode<T>>(recorded, inputs, out, kept);
}

template <class T>
Variable<T> fit_to(const Variable<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.size() == 1 && x.rank() <= shape.rank()) {
    return apply_compiled(ScalarOp::add, {x, Variable<T>(shape, T{0})});
  }
  return sum_to(x, shape);
}

Shape kept_shape(const char* op, const Shape& shape, const Axes& axes) {
  Shape kept = shape;
  std::vector<char> seen(static_cast<std::size_t>(shape.rank()), 0);
  for (int axis : axes) {
    const int a = normalise_axis(op, axis, shape.rank());
    if (seen[static_cast<std::size_t>(a)]++) raise<IndexError>("{}: axis {} is named twice", op, axis);
    kept = kept.with(a, 1);
  }
  if (axes.empty())
    for (int a = 0; a < shape.rank(); ++a) kept = kept.with(a, 1);
  return kept;
}

Shape dropped_shape(const Shape& shape, const Axes& axes) {
  std::vector<char> drop(static_cast<std::size_t>(shape.rank()), axes.empty());
  for (int axis : axes) drop[static_cast<std::size_t>(axis < 0 ? axis + shape.rank() : axis)] = 1;
  std::vector<index_t> extents;
  for (int a = 0; a < shape.rank(); ++a)
    if (!drop[static_cast<std::size_t>(a)]) extents.push_back(shape[a]);
  return Shape(extents.begin(), extents.end());
}

}  // namespace detail

template <class T>
Variable<T> sum(const Variable<T>& x, const Axes& axes, const ReduceOptions& options) {
  if (!x) detail::fail_empty("sum", 0);
  const Shape kept = detail::kept_shape("sum", x.shape(), axes);
  return detail::sum_to(x, kept, options.keepdims ? kept : detail::dropped_shape(x.shape(), axes));
}

template <class T>
Variable<T> mean(const Variable<T>& x, const Axes& axes, const ReduceOptions& options) {
  if (!x) detail::fail_empty("mean", 0);
  const Shape kept = detail::kept_shape("mean", x.shape(), axes);
  if (x.size() == 0 && kept.size() > 0) {
    raise<UsageError>("mean: {} has no elements; check for that first", x.shape().str());
  }
  const double share = x.size() == 0 ? 1 : static_cast<double>(kept.size()) / static_cast<double>(x.size());
  return sum(x, axes, options) * share;
}

UNROLL_COMPILE_FUNCTIONS(detail::fit_to, sum, mean)
template Variable<float> detail::sum_to(const Variable<float>&, const Shape&, const Shape&);
template Variable<double> detail::sum_to(const Variable<double>&, const Shape&, const Shape&);

}  // namespace unroll
