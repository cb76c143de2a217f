#include "unroll/autograd/ctc_loss.hpp"

#include <numeric>

#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/check_indices.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/ctc_paths.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

/// What is to be aligned, the same for every use of it.
struct CtcTask {
  std::vector<std::vector<std::int64_t>> symbols;  ///< of each sequence, with blanks; see CtcSequence
  std::vector<index_t> steps;
  std::vector<double> divisors;  ///< of the losses
  Reduction reduction;
  bool zero_infinity;
};

template <class T>
CtcSequence<T> sequence_of(const CtcTask& task, const Tensor<T>& x, index_t b) {
  const index_t batch = x.shape[1], classes = x.shape[2];
  const auto k = static_cast<std::size_t>(b);
  return {x.data + b * classes, batch * classes, task.steps[k], task.symbols[k]};
}

/// ln of probabilities along the states, by ops, with `by` impossible states before them.
template <class T>
Variable<T> moved(const Variable<T>& row, index_t by) {
  const Variable<T> none(Shape{by}, -std::numeric_limits<T>::infinity());
  return slice(concat({none, row}, 0), 0, 0, row.size());
}
/// ln of the sum of three ways.
template <class T>
Variable<T> either(const Variable<T>& a, const Variable<T>& b, const Variable<T>& c) {
  return logsumexp(stack({a, b, c}, 0), 0);
}

/// The probabilities that ctc_gradient subtracts, by ops: of one sequence, (steps, V).
template <class T>
class RecordedPaths {
 public:
  RecordedPaths(const Variable<T>& log_probs, const std::vector<std::int64_t>& symbols)
      : symbols_(symbols),
        emitted_(gather(log_probs, Indices(symbols), 1)),
        steps_(log_probs.shape()[0]),
        states_(std::ssize(symbols)),
        forward_skips_(Shape{states_}, lowest),
        backward_skips_(Shape{states_}, lowest) {
    const CtcSequence<T> x{nullptr, 0, steps_, symbols};
    for (index_t s = 0; s < states_; ++s) {
      if (x.skips(s)) forward_skips_.mutable_data()[s] = T{0};
      if (x.skips(s + 2)) backward_skips_.mutable_data()[states_ - 1 - s] = T{0};
    }
  }

  Variable<T> shares(index_t classes) const {
    using namespace recorded;
    const std::vector<Variable<T>> begins = beginnings(), ends = endings();
    const Variable<T> log_p = logsumexp(slice(begins.back(), 0, std::max<index_t>(states_ - 2, 0), states_));
    const Variable<T> paths = add(stack(begins, 0), stack(ends, 0));
    return scatter_add(exp(sub(paths, log_p)), Indices(symbols_), classes, 1);
  }

 private:
  static constexpr T lowest = -std::numeric_limits<T>::infinity();

  Variable<T> emitted(index_t t) const { return select(emitted_, 0, t); }
  /// 0 for the first two states.
  Variable<T> start() const {
    Variable<T> row(Shape{states_}, lowest);
    std::fill_n(row.mutable_data(), std::min<index_t>(states_, 2), T{0});
    return row;
  }
  std::vector<Variable<T>> beginnings() const {
    using namespace recorded;
    std::vector<Variable<T>> rows{add(start(), emitted(0))};
    for (index_t t = 1; t < steps_; ++t) {
      const Variable<T>& before = rows.back();
      const Variable<T> sum = either(before, moved(before, 1), add(moved(before, 2), forward_skips_));
      rows.push_back(add(sum, emitted(t)));
    }
    return rows;
  }
  /// As the beginnings of the reversed symbols, read backwards.
  std::vector<Variable<T>> endings() const {
    using namespace recorded;
    std::vector<std::int64_t> order(static_cast<std::size_t>(states_));
    std::iota(order.rbegin(), order.rend(), 0);
    const auto reversed = [&](const Variable<T>& row) { return gather(row, Indices(order)); };
    std::vector<Variable<T>> rows{start()};
    for (index_t t = steps_ - 1; t > 0; --t) {
      const Variable<T> next = add(rows.back(), reversed(emitted(t)));
      rows.push_back(either(next, moved(next, 1), add(moved(next, 2), backward_skips_)));
    }
    std::reverse(rows.begin(), rows.end());
    for (Variable<T>& row : rows) row = reversed(row);
    return rows;
  }

  const std::vector<std::int64_t>& symbols_;
  Variable<T> emitted_;  ///< (steps, states)
  index_t steps_, states_;
  Variable<T> forward_skips_, backward_skips_;  ///< 0 where a path may skip a blank, else −∞
};

/// Input: the log-probabilities. Kept: their gradient for each loss, empty where nothing is recorded.
template <class T>
class CtcLossNode final : public Node<T> {
 public:
  CtcLossNode(std::shared_ptr<const CtcTask> task, TensorRef<T> slopes, std::vector<char> possible)
      : task_(std::move(task)), slopes_(std::move(slopes)), possible_(std::move(possible)) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    const Shape& shape = this->input(0).shape;
    const index_t classes = shape[2];
    for (index_t r = 0; r < shape[0] * shape[1]; ++r) {
      const T d = factor(dy, r % shape[1]);
      T* const dx = g.data + r * classes;
      const T* const slope = slopes_->data + r * classes;
      if (!g.add) std::fill_n(dx, classes, T{0});
      if (d == T{0}) continue;
      for (index_t k = 0; k < classes; ++k) dx[k] += d * slope[k];
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x(TensorRef<T>(&this->input(0)));
    const Shape& shape = x.shape();
    std::vector<Variable<T>> sequences;
    for (index_t b = 0; b < shape[1]; ++b) {
      const auto k = static_cast<std::size_t>(b);
      const index_t steps = task_->steps[k];
      const Variable<T> rest(Shape{shape[0] - steps, shape[2]}, T{0});
      if (!possible_[k] || steps == 0) {
        sequences.push_back(Variable<T>(Shape{shape[0], shape[2]}, T{0}));
        continue;
      }
      const RecordedPaths<T> paths(slice(select(x, 1, b), 0, 0, steps), task_->symbols[k]);
      const Variable<T> d = task_->reduction == Reduction::none ? select(dy[0], 0, b) : dy[0];
      const Variable<T> slope =
          mul(paths.shares(shape[2]), Variable<T>(static_cast<T>(-1 / task_->divisors[k])));
      const Variable<T> dx = mul(slope, d), incoming(dx.shape(), dense(d).tensor()->data[0]);
      sequences.push_back(concat({absorb(incoming, dx), rest}, 0));
    }
    return {sequences.empty() ? Variable<T>(shape, T{0}) : stack(sequences, 1)};
  }

  std::string name() const override { return "ctc_loss"; }

 private:
  T factor(const T* dy, index_t b) const {
    const T d = dy[task_->reduction == Reduction::none ? b : 0];
    return static_cast<T>(static_cast<double>(d) / task_->divisors[static_cast<std::size_t>(b)]);
  }

  std::shared_ptr<const CtcTask> task_;
  TensorRef<T> slopes_;
  std::vector<char> possible_;
};

template <class T>
void check_ctc_shapes(const Variable<T>& log_probs, const Indices& targets, const Indices& input_lengths,
                      const Indices& target_lengths, const CtcLossOptions& options) {
  if (!log_probs) fail_empty("ctc_loss", 0);
  const Shape& x = log_probs.shape();
  const Shape lengths = x.rank() == 3 ? Shape{x[1]} : Shape{};
  const Shape& t = targets.shape();
  const bool fits = x.rank() == 3 && input_lengths.shape() == lengths && target_lengths.shape() == lengths &&
                    (t.rank() == 1 || (t.rank() == 2 && t[0] == x[1]));
  if (!fits)
    raise<ShapeError>(
        "ctc_loss: need log_probs (T, B, V), targets (B, S) or (S,), and both lengths (B,); got log_probs "
        "{}, targets "
        "{}, input_lengths {}, target_lengths {}",
        x.str(), t.str(), input_lengths.shape().str(), target_lengths.shape().str());
  if (options.blank < 0 || options.blank >= x[2])
    raise<IndexError>("ctc_loss: blank must be a class, 0 … {}; got {}", x[2] - 1, options.blank);
  if (options.reduction == Reduction::mean && x[1] == 0)
    raise<UsageError>("ctc_loss: {} has no sequences, so no mean; take Reduction::sum", x.str());
}

/// Where the targets of each sequence begin; the last element is where they end.
std::vector<index_t> places_of(const Indices& targets, const Indices& lengths) {
  const bool padded = targets.shape().rank() == 2;
  const index_t width = padded ? targets.shape()[1] : targets.size();
  std::vector<index_t> places{0};
  for (index_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] < 0 || lengths[b] > width) fail_index("ctc_loss", "target_length", lengths, b, width + 1);
    places.push_back(places.back() + (padded ? width : lengths[b]));
  }
  if (!padded && places.back() != targets.size())
    raise<ShapeError>("ctc_loss: the target_lengths must sum to the number of targets, {}; got {}",
                      targets.size(), places.back());
  return places;
}

CtcTask make_task(const Shape& x, const Indices& targets, const Indices& input_lengths,
                  const Indices& target_lengths, const CtcLossOptions& options) {
  check_indices("ctc_loss", "input_length", input_lengths, x[0] + 1);
  const std::vector<index_t> places = places_of(targets, target_lengths);
  CtcTask task{{}, {}, {}, options.reduction, options.zero_infinity};
  for (index_t b = 0; b < x[1]; ++b) {
    std::vector<std::int64_t> symbols{options.blank};
    for (index_t k = 0; k < target_lengths[b]; ++k) {
      const index_t place = places[static_cast<std::size_t>(b)] + k;
      const std::int64_t symbol = targets[place];
      if (symbol < 0 || symbol >= x[2]) fail_index("ctc_loss", "target", targets, place, x[2]);
      if (symbol == options.blank) raise<UsageError>("ctc_loss: target {} is the blank, {}", place, symbol);
      symbols.insert(symbols.end(), {symbol, options.blank});
    }
    task.symbols.push_back(std::move(symbols));
    task.steps.push_back(input_lengths[b]);
    const auto length = static_cast<double>(std::max<std::int64_t>(target_lengths[b], 1));
    task.divisors.push_back(options.reduction == Reduction::mean ? length * static_cast<double>(x[1]) : 1);
  }
  return task;
}

/// The losses of all sequences, and what is kept for backward where `slopes` is given.
template <class T>
class CtcPass {
 public:
  CtcPass(const CtcTask& task, const Tensor<T>& x, Tensor<T>* slopes) : task_(task), x_(x), slopes_(slopes) {
    index_t most = 0, cells = 0;
    for (std::size_t b = 0; b < task.steps.size(); ++b) {
      const index_t states = std::ssize(task.symbols[b]);
      most = std::max(most, states);
      if (slopes) cells = std::max(cells, Shape{task.steps[b], states}.size());  // checks that it fits
    }
    scratch_.resize(static_cast<std::size_t>(2 * most));
    kept_.resize(static_cast<std::size_t>(cells));
  }

  double loss(index_t b) {
    const CtcSequence<T> x = sequence_of(task_, x_, b);
    const double log_p = ctc_log_probability(x, scratch_.data(), slopes_ ? kept_.data() : nullptr);
    possible.push_back(log_p != impossible);
    if (log_p == impossible) return task_.zero_infinity ? 0 : -impossible;
    if (slopes_) ctc_gradient(x, log_p, kept_.data(), scratch_.data(), slopes_->data + b * x_.shape[2]);
    return 0 - log_p;
  }

  std::vector<char> possible;

 private:
  const CtcTask& task_;
  const Tensor<T>& x_;
  Tensor<T>* slopes_;
  PoolVector<double> scratch_, kept_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> ctc_loss(const Variable<T>& log_probs, const Indices& targets, const Indices& input_lengths,
                     const Indices& target_lengths, const CtcLossOptions& options) {
  using namespace detail;
  check_ctc_shapes(log_probs, targets, input_lengths, target_lengths, options);
  const auto task = std::make_shared<const CtcTask>(
      make_task(log_probs.shape(), targets, input_lengths, target_lengths, options));
  const Variable<T> x = dense(log_probs);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("ctc_loss", inputs);
  const index_t batch = x.shape()[1];
  const bool each = options.reduction == Reduction::none;
  const TensorRef<T> out = Tape<T>::local().allocate_output(each ? Shape{batch} : Shape{});
  TensorRef<T> slopes;
  if (recorded) {
    slopes = Tensor<T>::make(x.shape());
    std::fill_n(slopes->data, x.size(), T{0});
  }
  CtcPass<T> pass(*task, *x.tensor(), recorded ? &*slopes : nullptr);
  double total = 0;
  for (index_t b = 0; b < batch; ++b) {
    const double loss = pass.loss(b);
    if (each) out->data[b] = static_cast<T>(loss);
    total += loss / task->divisors[static_cast<std::size_t>(b)];
  }
  if (!each) out->data[0] = static_cast<T>(total);
  return finish_op<CtcLossNode<T>>(recorded, inputs, out, task, slopes, pass.possible);
}

UNROLL_COMPILE_FUNCTIONS(ctc_loss)

}  // namespace unroll
