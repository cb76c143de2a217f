#include "unroll/autograd/losses.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/detail/autograd/core/check_indices.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/rows.hpp"

namespace unroll {
namespace detail {
namespace {

/// What is kept of a row besides the logits: exp(x − shift) · scale is its softmax. Scale 0 marks rows
/// without gradient: ignored ones and those of −∞ alone.
template <class T>
struct RowStats {
  T shift, scale;
};

// −(1−ε) ln p_t − ε mean ln p, with ln p_k = x_k − shift − ln Σ: the large numbers cancel first.
template <class T>
double row_loss(const T* x, index_t cols, index_t target, double smoothing, RowStats<T>& stats) {
  const T shift = exp_shift(x, cols), total = sum_exp(x, cols, shift);
  stats = {shift, total == T{0} ? T{0} : T{1} / total};
  if (total == T{0}) return std::numeric_limits<double>::infinity();
  const double log_total = std::log(static_cast<double>(total));
  double loss = (1 - smoothing) * (static_cast<double>(shift) - static_cast<double>(x[target]));
  if (smoothing == 1) loss = 0;  // the target may be −∞
  if (smoothing > 0) {
    const T below = sum_blocks<T>(
        cols, [&](index_t j, index_t n)
                  __attribute__((always_inline)) { return Batch<T>(shift) - load_block(x + j, n, shift); });
    loss += smoothing * static_cast<double>(below) / static_cast<double>(cols);
  }
  return loss + log_total;
}

// dx (+)= d (softmax − target distribution)
template <class T>
void row_loss_back(const T* x, index_t cols, index_t target, T smoothing, RowStats<T> stats, T d, T* dx,
                   bool add) {
  const Batch<T> shift(stats.shift), scale(stats.scale * d), rest(d * smoothing / static_cast<T>(cols));
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        write_block(dx + j, num::exp(load_block(x + j, n) - shift) * scale - rest, n, add);
      });
  dx[target] -= d * (T{1} - smoothing);
}

template <class T>
class CrossEntropyNode final : public Node<T> {
 public:
  CrossEntropyNode(Indices targets, const CrossEntropyOptions& options, T divisor, TensorRef<T> stats)
      : targets_(std::move(targets)), options_(options), divisor_(divisor), stats_(std::move(stats)) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    Tensor<T>& x = this->input(0);
    const GradSlot<T> g = open_grad(x);
    const index_t cols = x.shape.back(0);
    const bool each = options_.reduction == Reduction::none;
    for (index_t r = 0; r < targets_.size(); ++r) {
      const RowStats<T> s = stats(r);
      T* dx = g.data + r * cols;
      const T d = dy[each ? r : 0];
      if (s.scale == T{0} || d == T{0}) {
        if (!g.add) std::fill_n(dx, cols, T{0});
        continue;
      }
      row_loss_back(x.data + r * cols, cols, targets_[r], static_cast<T>(options_.label_smoothing), s,
                    d / divisor_, dx, g.add);
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x(TensorRef<T>(&this->input(0)));
    const Shape column = targets_.shape().inserted(targets_.shape().rank(), 1);
    const index_t cols = x.shape().back(0);
    const T smoothing = static_cast<T>(options_.label_smoothing);
    Variable<T> weight(column, T{0}), wanted(x.shape(), smoothing / static_cast<T>(cols));
    for (index_t r = 0; r < targets_.size(); ++r) {
      if (stats(r).scale == T{0}) continue;
      weight.tensor()->data[r] = T{1} / divisor_;
      wanted.tensor()->data[r * cols + targets_[r]] += T{1} - smoothing;
    }
    const Variable<T> d = options_.reduction == Reduction::none ? reshape(dy[0], column) : dy[0];
    const Variable<T> p = softmax(hide_idle_rows(recorded::mul(d, weight), x));
    return {where(weight, mul(mul(d, weight), sub(p, wanted)), Variable<T>(T{0}))};
  }

  std::string name() const override { return "cross_entropy"; }

 private:
  RowStats<T> stats(index_t r) const { return {stats_->data[2 * r], stats_->data[2 * r + 1]}; }

  Indices targets_;
  CrossEntropyOptions options_;
  T divisor_;
  TensorRef<T> stats_;
};

/// Checks targets and options; returns how many targets count.
template <class T>
index_t check_cross_entropy(const Variable<T>& logits, const Indices& targets,
                            const CrossEntropyOptions& options) {
  const Shape& x = logits.shape();
  if (x.rank() < 1 || !(x.without(x.rank() - 1) == targets.shape())) {
    raise<ShapeError>("cross_entropy: need logits (…, V) and targets (…); got logits {}, targets {}", x.str(),
                      targets.shape().str());
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    raise<UsageError>("cross_entropy: label_smoothing must lie in [0, 1]; got {}", options.label_smoothing);
  index_t used = 0;
  for (index_t r = 0; r < targets.size(); ++r) {
    const std::int64_t t = targets[r];
    if (t == options.ignore_index) continue;
    if (t < 0 || t >= x.back(0)) fail_index("cross_entropy", "target", targets, r, x.back(0));
    ++used;
  }
  return used;
}

template <class T>
Variable<T> reduce_loss(const Variable<T>& loss, Reduction reduction) {
  if (reduction == Reduction::none) return loss;
  return reduction == Reduction::sum ? sum(loss) : mean(loss);
}

template <class T>
void check_pair(const char* op, const Variable<T>& x, const Variable<T>& target, Reduction reduction) {
  if (!x) fail_empty(op, 0);
  if (!target) fail_empty(op, 1);
  if (!(x.shape() == target.shape()))
    raise<ShapeError>("{}: shapes must be equal; got {} and {}", op, x.shape().str(), target.shape().str());
  if (reduction == Reduction::mean && x.size() == 0)
    raise<UsageError>("{}: {} has no elements, so no mean; take Reduction::sum", op, x.shape().str());
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> cross_entropy(const Variable<T>& logits, const Indices& targets,
                          const CrossEntropyOptions& options) {
  using namespace detail;
  if (!logits) fail_empty("cross_entropy", 0);
  const index_t used = check_cross_entropy(logits, targets, options);
  const Variable<T> x = dense(logits);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("cross_entropy", inputs);
  const bool each = options.reduction == Reduction::none;
  const TensorRef<T> out = Tape<T>::local().allocate_output(each ? targets.shape() : Shape{});
  const TensorRef<T> stats = Tensor<T>::make(Shape{targets.size(), 2});
  const index_t cols = x.shape().back(0);
  double total = 0;
  for (index_t r = 0; r < targets.size(); ++r) {
    RowStats<T> row{T{0}, T{0}};
    double loss = 0;
    if (targets[r] != options.ignore_index)
      loss = row_loss(x.data() + r * cols, cols, targets[r], options.label_smoothing, row);
    stats->data[2 * r] = row.shift;
    stats->data[2 * r + 1] = row.scale;
    if (each) out->data[r] = static_cast<T>(loss);
    total += loss;
  }
  const double divisor = options.reduction == Reduction::mean ? static_cast<double>(used) : 1;
  if (!each) out->data[0] = static_cast<T>(total / divisor);
  return finish_op<CrossEntropyNode<T>>(recorded, inputs, out, targets, options, static_cast<T>(divisor),
                                        stats);
}

template <class T>
Variable<T> mse(const Variable<T>& prediction, const detail::Same<Variable<T>>& target, Reduction reduction) {
  detail::check_pair("mse", prediction, target, reduction);
  return detail::reduce_loss(Variable<T>(square(prediction - target)), reduction);
}

template <class T>
Variable<T> binary_cross_entropy_with_logits(const Variable<T>& logits,
                                             const detail::Same<Variable<T>>& targets, Reduction reduction) {
  detail::check_pair("binary_cross_entropy_with_logits", logits, targets, reduction);
  // ln(1 + e⁻ˣ) and ln(1 + eˣ) are exact where x and the target agree; their difference would not be.
  const Variable<T> loss =
      fuse([](auto x, auto t) { return t * softplus(-x) + (1 - t) * softplus(x); }, logits, targets);
  return detail::reduce_loss(loss, reduction);
}

UNROLL_COMPILE_FUNCTIONS(cross_entropy, mse, binary_cross_entropy_with_logits)

}  // namespace unroll
