#include "unroll/autograd/extremes.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/softmax.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"
#include "unroll/detail/autograd/ops/rows.hpp"

namespace unroll {
namespace detail {
namespace {

// A NaN wins and stays.
template <class T>
T row_max(const T* x, index_t cols) {
  using N = Batch<T>;
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  N most(lowest);
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const N v = load_block(x + j, n, lowest);
        most = num::select(num::eq(most, most), num::select(num::ge(most, v), most, v), most);
      });
  alignas(64) T lanes[N::size];
  most.store_aligned(lanes);
  T result = lanes[0];
  for (T v : lanes)
    if (!(result >= v) && !std::isnan(result)) result = v;
  return result;
}

// dx = dy / (number of ties) where x = y; NaN where y is.
template <class T>
void row_max_back(const T* x, T y, T dy, index_t cols, T* dx, bool add) {
  using N = Batch<T>;
  constexpr T none = std::numeric_limits<T>::quiet_NaN();
  const T ties = sum_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        return num::select(num::eq(load_block(x + j, n, none), N(y)), N(T{1}), N(T{0}));
      });
  const N share(dy / ties), rest(std::isnan(y) ? y : T{0});
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        write_block(dx + j, num::select(num::eq(load_block(x + j, n), N(y)), share, rest), n, add);
      });
}

/// y = max of each row of x.
template <class T>
class MaxNode final : public Node<T> {
 public:
  explicit MaxNode(const RowMatrix<T>& m) : kept_(m.kept), cols_(m.cols) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    write(dy, g.data, g.add);
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    const auto share = Variable<T>::uninitialised(this->input(0).shape);
    write(Variable<T>(kept_, T{1}).data(), share.tensor()->data, false);
    return {recorded::mul(reshape(dy[0], kept_), share)};
  }

  std::string name() const override { return "max"; }

 private:
  void write(const T* dy, T* dx, bool add) const {
    const T *x = this->input(0).data, *y = this->output()->data;
    for (index_t r = 0; r < kept_.size(); ++r)
      row_max_back(x + r * cols_, y[r], dy[r], cols_, dx + r * cols_, add);
  }

  Shape kept_;
  index_t cols_;
};

/// y = ln Σ eˣ of each row of x.
template <class T>
class LogSumExpNode final : public Node<T> {
 public:
  /// `stats`: for each row what was subtracted before exp, and 1 / Σ (0 where Σ is).
  LogSumExpNode(const RowMatrix<T>& m, TensorRef<T> stats)
      : kept_(m.kept), cols_(m.cols), stats_(std::move(stats)) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    const T *x = this->input(0).data, *stats = stats_->data;
    for (index_t r = 0; r < kept_.size(); ++r) {
      const Batch<T> shift(stats[2 * r]), scale(dy[r] * stats[2 * r + 1]);
      for_blocks<T>(
          cols_, [&](index_t j, index_t n) __attribute__((always_inline)) {
            const index_t i = r * cols_ + j;
            write_block(g.data + i, num::exp(load_block(x + i, n) - shift) * scale, n, g.add);
          });
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    const Variable<T> x(TensorRef<T>(&this->input(0)));
    const Variable<T> p = reshape(softmax(reshape(x, Shape{kept_.size(), cols_})), x.shape());
    return {recorded::mul(reshape(dy[0], kept_), p)};
  }

  std::string name() const override { return "logsumexp"; }

 private:
  Shape kept_;
  index_t cols_;
  TensorRef<T> stats_;
};

template <class T>
Shape result_shape(const Variable<T>& x, const Axes& axes, bool keepdims, const char* op) {
  return keepdims ? kept_shape(op, x.shape(), axes) : dropped_shape(x.shape(), axes);
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> max(const Variable<T>& x, const Axes& axes, const ReduceOptions& options) {
  using namespace detail;
  if (!x) fail_empty("max", 0);
  if (x.size() == 0 && kept_shape("max", x.shape(), axes).size() > 0)
    raise<UsageError>("max: {} has no elements; check for that first", x.shape().str());
  const RowMatrix<T> m = rows_over("max", x, axes);
  Tensor<T>* const inputs[] = {m.x.tensor()};
  const bool recorded = begin_op<T>("max", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(result_shape(x, axes, options.keepdims, "max"));
  for (index_t r = 0; r < m.count; ++r) out->data[r] = row_max(m.x.data() + r * m.cols, m.cols);
  return finish_op<MaxNode<T>>(recorded, inputs, out, m);
}

template <class T>
Variable<T> min(const Variable<T>& x, const Axes& axes, const ReduceOptions& options) {
  if (!x) detail::fail_empty("min", 0);
  const Shape kept = detail::kept_shape("min", x.shape(), axes);
  if (x.size() == 0 && kept.size() > 0)
    raise<UsageError>("min: {} has no elements; check for that first", x.shape().str());
  return detail::recorded::neg(max(detail::recorded::neg(x), axes, options));
}

template <class T>
Variable<T> logsumexp(const Variable<T>& x, const Axes& axes, const ReduceOptions& options) {
  using namespace detail;
  if (!x) fail_empty("logsumexp", 0);
  const RowMatrix<T> m = rows_over("logsumexp", x, axes);
  Tensor<T>* const inputs[] = {m.x.tensor()};
  const bool recorded = begin_op<T>("logsumexp", inputs);
  const TensorRef<T> out =
      Tape<T>::local().allocate_output(result_shape(x, axes, options.keepdims, "logsumexp"));
  const TensorRef<T> stats = Tensor<T>::make(Shape{m.count, 2});
  for (index_t r = 0; r < m.count; ++r) {
    const T* row = m.x.data() + r * m.cols;
    T shift = exp_shift(row, m.cols);
    if (std::isinf(shift)) shift = T{0};  // else ∞ − ∞
    const T total = sum_exp(row, m.cols, shift);
    out->data[r] = shift + std::log(total);
    stats->data[2 * r] = shift;
    stats->data[2 * r + 1] = total == T{0} ? T{0} : T{1} / total;
  }
  return finish_op<LogSumExpNode<T>>(recorded, inputs, out, m, stats);
}

UNROLL_COMPILE_FUNCTIONS(max, min, logsumexp)

}  // namespace unroll
