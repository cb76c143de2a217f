#include "unroll/autograd/extremes.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/no_grad.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
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

// dx = dy / (number of ties) where x = y; NaN where y is; 0 where dy is.
template <class T>
void row_max_back(const T* x, T y, T dy, index_t cols, T* dx, bool add) {
  using N = Batch<T>;
  if (dy == T{0} && !add) std::fill_n(dx, cols, T{0});
  if (dy == T{0}) return;
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
    const Variable<T> d = reshape(dy[0], Shape{kept_.size(), 1});
    const Variable<T> used = hide_idle_rows(d, reshape(share, Shape{kept_.size(), cols_}));
    return {reshape(recorded::mul(d, used), share.shape())};
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

/// The first of the largest elements of a row; the first NaN where there is one.
template <class T>
index_t row_argmax(const T* x, index_t cols) {
  index_t best = 0;
  for (index_t k = 1; k < cols && !std::isnan(x[best]); ++k)
    if (x[k] > x[best] || std::isnan(x[k])) best = k;
  return best;
}

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
      if (dy[r] == T{0}) {
        if (!g.add) std::fill_n(g.data + r * cols_, cols_, T{0});
        continue;
      }
      const Batch<T> shift(stats[2 * r]), scale(dy[r] * stats[2 * r + 1]);
      for_blocks<T>(
          cols_, [&](index_t j, index_t n) __attribute__((always_inline)) {
            const index_t i = r * cols_ + j;
            write_block(g.data + i, num::exp(load_block(x + i, n) - shift) * scale, n, g.add);
          });
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x0(TensorRef<T>(&this->input(0)));
    const Shape column{kept_.size(), 1};
    const Variable<T> d = reshape(dy[0], column);
    const Variable<T> x = hide_idle_rows(d, reshape(x0, Shape{kept_.size(), cols_}));
    return {reshape(mul(d, shares(x)), x0.shape())};
  }

  std::string name() const override { return "logsumexp"; }

 private:
  // softmax(x), but 0 for what is finite beside +∞.
  Variable<T> shares(const Variable<T>& x) const {
    using namespace recorded;
    constexpr T infinity = std::numeric_limits<T>::infinity();
    Variable<T> infinite(Shape{kept_.size(), 1}, T{0});
    for (index_t r = 0; r < kept_.size(); ++r)
      infinite.tensor()->data[r] = stats_->data[2 * r] == infinity ? T{1} : T{0};
    if (std::all_of(infinite.data(), infinite.data() + infinite.size(), [](T v) { return v == T{0}; }))
      return softmax(x);
    const Variable<T> one_hot = exp(sub(x, Variable<T>(infinity)));
    return where(infinite, one_hot, softmax(where(infinite, Variable<T>(T{0}), x)));
  }

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
  for (index_t r = 0; r < m.count; ++r) out->data[r] = row_max(m.x.tensor()->data + r * m.cols, m.cols);
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
Indices argmax(const Variable<T>& x, int axis) {
  using namespace detail;
  if (!x) fail_empty("argmax", 0);
  const NoGrad no_grad;  // the rows may be a copy
  const Shape kept = kept_shape("argmax", x.shape(), {axis});
  if (x.size() == 0 && kept.size() > 0)
    raise<UsageError>("argmax: {} has no elements along axis {}; check for that first", x.shape().str(),
                      axis);
  const RowMatrix<T> m = rows_over("argmax", x, {axis});
  std::vector<std::int64_t> best(static_cast<std::size_t>(m.count));
  const auto values = m.x.value();
  for (index_t r = 0; r < m.count; ++r)
    best[static_cast<std::size_t>(r)] = row_argmax(values.data() + r * m.cols, m.cols);
  return Indices(dropped_shape(x.shape(), {axis}), std::move(best));
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
    const T* row = m.x.tensor()->data + r * m.cols;
    const T shift = exp_shift(row, m.cols);
    const bool infinite = std::isinf(shift);
    const T total = sum_exp(row, m.cols, infinite ? T{0} : shift);  // else ∞ − ∞
    out->data[r] = (infinite ? T{0} : shift) + std::log(total);
    stats->data[2 * r] = shift;
    stats->data[2 * r + 1] = total == T{0} ? T{0}
                             : infinite    ? (std::isnan(total) ? total : T{1})
                                           : T{1} / total;
  }
  return finish_op<LogSumExpNode<T>>(recorded, inputs, out, m, stats);
}

UNROLL_COMPILE_FUNCTIONS(argmax, logsumexp)
template Variable<float> max(const Variable<float>&, const Axes&, const ReduceOptions&);
template Variable<double> max(const Variable<double>&, const Axes&, const ReduceOptions&);
template Variable<float> min(const Variable<float>&, const Axes&, const ReduceOptions&);
template Variable<double> min(const Variable<double>&, const Axes&, const ReduceOptions&);

}  // namespace unroll
