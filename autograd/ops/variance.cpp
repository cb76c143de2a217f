#include "unroll/autograd/variance.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"
#include "unroll/detail/autograd/ops/rows.hpp"

namespace unroll {
namespace detail {
namespace {

/// The mean of a row is shift + rest; Σ (x − mean)² is squares.
template <class T>
struct RowSpread {
  T shift, rest;
  double squares;
};

// Σ f(x − shift)
template <class T, class F>
double sum_deviations(const T* x, index_t cols, T shift, F&& f) {
  return wide_sum_blocks<T>(
      cols, [&](index_t j, index_t n)
                __attribute__((always_inline)) { return f(load_block(x + j, n, shift) - Batch<T>(shift)); });
}

// The first element is subtracted before the mean is taken: the sum of large elements might overflow. What the mean
// loses as it is rounded to T, `rest`, is put right in the sum of squares.
template <class T>
RowSpread<T> row_spread(const T* x, index_t cols) {
  if (cols == 0) return {T{0}, T{0}, 0};
  const auto n = static_cast<double>(cols);
  const auto itself = [](Batch<T> d) __attribute__((always_inline)) { return d; };
  const double mean = static_cast<double>(x[0]) + sum_deviations(x, cols, x[0], itself) / n;
  const auto shift = static_cast<T>(mean);
  if (!std::isfinite(shift)) {  // of finite elements a difference has overflowed
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {shift, T{0}, all_finite(x, cols) ? infinity : infinity - infinity};
  }
  const double total = sum_deviations(x, cols, shift, itself);
  const double squares = sum_deviations(
      x, cols, shift, [](Batch<T> d) __attribute__((always_inline)) { return d * d; });
  const double excess = total / n * total;
  return {shift, static_cast<T>(total / n),
          std::isfinite(excess) ? std::max(squares - excess, 0.0) : squares};
}

template <class T>
class VarNode final : public Node<T> {
 public:
  /// `means`: for each row its mean in two parts.
  VarNode(const RowMatrix<T>& m, TensorRef<T> means, double divisor)
      : kept_(m.kept), cols_(m.cols), means_(std::move(means)), divisor_(divisor) {}

  // dx = 2 dy (x − mean) / divisor, and 0 where dy is
  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    for (index_t r = 0; r < kept_.size(); ++r) {
      const T *x = this->input(0).data + r * cols_, *mean = means_->data + 2 * r;
      T* dx = g.data + r * cols_;
      if (dy[r] == T{0} && !g.add) std::fill_n(dx, cols_, T{0});
      if (dy[r] == T{0}) continue;
      const Batch<T> shift(mean[0]), rest(mean[1]),
          slope(static_cast<T>(2 * static_cast<double>(dy[r]) / divisor_));
      for_blocks<T>(
          cols_, [&](index_t j, index_t n) __attribute__((always_inline)) {
            write_block(dx + j, (load_block(x + j, n) - shift - rest) * slope, n, g.add);
          });
    }
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x0(TensorRef<T>(&this->input(0)));
    const Variable<T> d = reshape(dy[0], Shape{kept_.size(), 1});
    const Variable<T> x = hide_idle_rows(d, reshape(x0, Shape{kept_.size(), cols_}));
    const Variable<T> slope = mul(d, Variable<T>(static_cast<T>(2 / divisor_)));
    return {reshape(mul(slope, deviations(x)), x0.shape())};
  }
  std::string name() const override { return "var"; }

 private:
  // x − mean, in terms of what is near 0 already.
  Variable<T> deviations(const Variable<T>& x) const {
    Variable<T> shift(Shape{kept_.size(), 1}, T{0});
    for (index_t r = 0; r < kept_.size(); ++r)
      if (const T mean = means_->data[2 * r]; std::isfinite(mean)) shift.tensor()->data[r] = mean;
    const Variable<T> near = recorded::sub(x, shift);
    return recorded::sub(near, Variable<T>(mean(near, 1, {.keepdims = true})));
  }

  Shape kept_;
  index_t cols_;
  TensorRef<T> means_;
  double divisor_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> var(const Variable<T>& x, const Axes& axes, const VarOptions& options) {
  using namespace detail;
  if (!x) fail_empty("var", 0);
  const Shape kept = kept_shape("var", x.shape(), axes);
  index_t n = 1;
  for (int a = 0; a < x.rank(); ++a)
    if (axes.empty() || kept[a] != x.shape()[a]) n *= x.shape()[a];
  const double divisor = static_cast<double>(n) - options.correction;
  if (kept.size() > 0 && !(divisor > 0))
    raise<UsageError>(
        "var: {} elements over the axes of {} and correction {} leave nothing to divide by; "
        "check for that first",
        n, x.shape().str(), options.correction);
  const RowMatrix<T> m = rows_over("var", x, axes);
  Tensor<T>* const inputs[] = {m.x.tensor()};
  const bool recorded = begin_op<T>("var", inputs);
  const TensorRef<T> out =
      Tape<T>::local().allocate_output(options.keepdims ? kept : dropped_shape(x.shape(), axes));
  const TensorRef<T> means = Tensor<T>::make(Shape{m.count, 2});
  for (index_t r = 0; r < m.count; ++r) {
    const RowSpread<T> spread = row_spread(inputs[0]->data + r * m.cols, m.cols);
    out->data[r] = static_cast<T>(spread.squares / divisor);
    means->data[2 * r] = spread.shift;
    means->data[2 * r + 1] = spread.rest;
  }
  return finish_op<VarNode<T>>(recorded, inputs, out, m, means, divisor);
}

UNROLL_COMPILE_FUNCTIONS(var)

}  // namespace unroll
