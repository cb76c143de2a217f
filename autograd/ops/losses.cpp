#include "unroll/autograd/losses.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <numeric>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/detail/autograd/core/check_indices.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/loss_parts.hpp"
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

/// The distribution q that a row is to have, not normalised: `each` · w everywhere, and `at_target` more at the target.
struct Wanted {
  double at_target, each, total;  ///< total: Σ q
  const double* weight;           ///< w of each class; null: 1

  double share(index_t k) const { return weight ? each * weight[k] : each; }
};

/// (1−ε) w at the target, ε w / V everywhere.
Wanted wanted_of(const CrossEntropyOptions& options, index_t target, index_t cols) {
  const double smoothing = options.label_smoothing, each = smoothing / static_cast<double>(cols);
  if (options.weight.empty()) return {1 - smoothing, each, 1, nullptr};
  const double at_target = (1 - smoothing) * options.weight[static_cast<std::size_t>(target)];
  const double all = std::accumulate(options.weight.begin(), options.weight.end(), 0.0);
  return {at_target, each, at_target + each * all, options.weight.data()};
}

// −Σ q ln p, with ln p_k = x_k − shift − ln Σ: the large numbers cancel first.
template <class T>
double row_loss(const T* x, index_t cols, index_t target, const Wanted& q, RowStats<T>& stats) {
  if (q.total == 0) return 0;
  const T shift = exp_shift(x, cols), total = sum_exp(x, cols, shift);
  stats = {shift, total == T{0} ? T{0} : T{1} / total};
  if (total == T{0}) return std::numeric_limits<double>::infinity();
  const auto below = [&](index_t k) { return static_cast<double>(shift) - static_cast<double>(x[k]); };
  double loss = q.at_target == 0 ? 0 : q.at_target * below(target);  // the target may be −∞
  if (q.each > 0 && !q.weight) {
    const T sum = sum_blocks<T>(
        cols, [&](index_t j, index_t n)
                  __attribute__((always_inline)) { return Batch<T>(shift) - load_block(x + j, n, shift); });
    loss += q.each * static_cast<double>(sum);
  } else if (q.each > 0) {
    for (index_t k = 0; k < cols; ++k)
      if (q.weight[k] > 0) loss += q.share(k) * below(k);
  }
  return loss + q.total * std::log(static_cast<double>(total));
}

// dx (+)= d (Σ q · softmax − q)
template <class T>
void row_loss_back(const T* x, index_t cols, index_t target, const Wanted& q, RowStats<T> stats, T d, T* dx,
                   bool add) {
  const Batch<T> shift(stats.shift), scale(stats.scale * d * static_cast<T>(q.total));
  const Batch<T> rest(q.weight ? T{0} : d * static_cast<T>(q.each));
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        write_block(dx + j, num::exp(load_block(x + j, n) - shift) * scale - rest, n, add);
      });
  if (q.weight && q.each > 0)
    for (index_t k = 0; k < cols; ++k) dx[k] -= d * static_cast<T>(q.share(k));
  dx[target] -= d * static_cast<T>(q.at_target);
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
      row_loss_back(x.data + r * cols, cols, targets_[r], wanted_of(options_, targets_[r], cols), s,
                    d / divisor_, dx, g.add);
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x(TensorRef<T>(&this->input(0)));
    const Shape column = targets_.shape().inserted(targets_.shape().rank(), 1);
    const index_t cols = x.shape().back(0);
    Variable<T> weight(column, T{0}), total(column, T{0}), wanted(x.shape(), T{0});
    for (index_t r = 0; r < targets_.size(); ++r) {
      if (stats(r).scale == T{0}) continue;
      const Wanted q = wanted_of(options_, targets_[r], cols);
      weight.tensor()->data[r] = T{1} / divisor_;
      total.tensor()->data[r] = static_cast<T>(q.total);
      T* const row = wanted.tensor()->data + r * cols;
      for (index_t k = 0; k < cols; ++k) row[k] = static_cast<T>(q.share(k));
      row[targets_[r]] += static_cast<T>(q.at_target);
    }
    const Variable<T> d = options_.reduction == Reduction::none ? reshape(dy[0], column) : dy[0];
    const Variable<T> p = softmax(hide_idle_rows(recorded::mul(d, weight), x));
    const Variable<T> scaled = options_.weight.empty() ? p : mul(total, p);
    return {where(weight, mul(mul(d, weight), sub(scaled, wanted)), Variable<T>(T{0}))};
  }

  std::string name() const override { return "cross_entropy"; }

 private:
  RowStats<T> stats(index_t r) const { return {stats_->data[2 * r], stats_->data[2 * r + 1]}; }

  Indices targets_;
  CrossEntropyOptions options_;
  T divisor_;
  TensorRef<T> stats_;
};

void check_options(const CrossEntropyOptions& options, index_t classes) {
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    raise<UsageError>("cross_entropy: label_smoothing must lie in [0, 1]; got {}", options.label_smoothing);
  if (!options.weight.empty() && std::ssize(options.weight) != classes)
    raise<ShapeError>("cross_entropy: need one weight for each of {} classes; got {}", classes,
                      options.weight.size());
  check_weights("cross_entropy", "weight", options.weight);
}

/// Checks targets and options; returns the sum of the weights of the targets that count.
template <class T>
double check_cross_entropy(const Variable<T>& logits, const Indices& targets,
                           const CrossEntropyOptions& options) {
  const Shape& x = logits.shape();
  if (x.rank() < 1 || !(x.without(x.rank() - 1) == targets.shape())) {
    raise<ShapeError>("cross_entropy: need logits (…, V) and targets (…); got logits {}, targets {}", x.str(),
                      targets.shape().str());
  }
  check_options(options, x.back(0));
  double used = 0;
  for (index_t r = 0; r < targets.size(); ++r) {
    const std::int64_t t = targets[r];
    if (t == options.ignore_index) continue;
    if (t < 0 || t >= x.back(0)) fail_index("cross_entropy", "target", targets, r, x.back(0));
    used += options.weight.empty() ? 1 : options.weight[static_cast<std::size_t>(t)];
  }
  return used;
}

/// The weights of the positive targets as an array that broadcasts.
template <class T>
Variable<T> positive_weights(const char* op, const std::vector<double>& weights, const Shape& shape) {
  check_weights(op, "pos_weight", weights);
  const auto n = std::ssize(weights);
  if (n != 1 && (shape.rank() == 0 || n != shape.back(0)))
    raise<ShapeError>("{}: need one pos_weight, or one for each element of the last axis of {}; got {}", op,
                      shape.str(), n);
  auto result = Variable<T>::uninitialised(n == 1 ? Shape{} : Shape{n});
  std::transform(weights.begin(), weights.end(), result.mutable_data(),
                 [](double w) { return static_cast<T>(w); });
  return result;
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> cross_entropy(const Variable<T>& logits, const Indices& targets,
                          const CrossEntropyOptions& options) {
  using namespace detail;
  if (!logits) fail_empty("cross_entropy", 0);
  const double used = check_cross_entropy(logits, targets, options);
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
      loss =
          row_loss(x.tensor()->data + r * cols, cols, targets[r], wanted_of(options, targets[r], cols), row);
    stats->data[2 * r] = row.shift;
    stats->data[2 * r + 1] = row.scale;
    if (each) out->data[r] = static_cast<T>(loss);
    total += loss;
  }
  const double divisor = options.reduction == Reduction::mean ? used : 1;
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
Variable<T> mse(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                const detail::Same<MseOptions<T>>& options) {
  const Variable<T>& mask = options.mask;
  if (!mask) return mse(prediction, target, options.reduction);
  detail::check_pair("mse", prediction, target, options.reduction);
  detail::check_mask("mse", mask, prediction.shape());
  const Variable<T> loss =
      square(where(mask, prediction - target, T{0}));  // else NaN · 0 would be in its gradient
  return detail::reduce_masked("mse", loss, mask, options.reduction);
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

template <class T>
Variable<T> binary_cross_entropy_with_logits(const Variable<T>& logits,
                                             const detail::Same<Variable<T>>& targets,
                                             const detail::Same<BinaryCrossEntropyOptions<T>>& options) {
  constexpr const char* op = "binary_cross_entropy_with_logits";
  const Variable<T>& mask = options.mask;
  if (!mask && options.pos_weight.empty())
    return binary_cross_entropy_with_logits(logits, targets, options.reduction);
  detail::check_pair(op, logits, targets, options.reduction);
  if (mask) detail::check_mask(op, mask, logits.shape());
  const Variable<T> x = mask ? Variable<T>(where(mask, logits, T{0})) : logits;
  const Variable<T> t = mask ? Variable<T>(where(mask, targets, T{0})) : targets;
  const Variable<T> w = options.pos_weight.empty()
                            ? Variable<T>(T{1})
                            : detail::positive_weights<T>(op, options.pos_weight, logits.shape());
  const Variable<T> loss = w * t * softplus(-x) + (1 - t) * softplus(x);
  if (!mask) return detail::reduce_loss(loss, options.reduction);
  return detail::reduce_masked(op, Variable<T>(where(mask, loss, T{0})), mask, options.reduction);
}

#define UNROLL_COMPILE_LOSSES(T)                                                                            \
  template Variable<T> cross_entropy(const Variable<T>&, const Indices&, const CrossEntropyOptions&);       \
  template Variable<T> mse(const Variable<T>&, const Variable<T>&, Reduction);                              \
  template Variable<T> mse(const Variable<T>&, const Variable<T>&, const MseOptions<T>&);                   \
  template Variable<T> binary_cross_entropy_with_logits(const Variable<T>&, const Variable<T>&, Reduction); \
  template Variable<T> binary_cross_entropy_with_logits(const Variable<T>&, const Variable<T>&,             \
                                                        const BinaryCrossEntropyOptions<T>&);
UNROLL_COMPILE_LOSSES(float)
UNROLL_COMPILE_LOSSES(double)
#undef UNROLL_COMPILE_LOSSES

}  // namespace unroll
