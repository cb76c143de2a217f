#include "unroll/autograd/l2_normalise.hpp"

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/norm.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/row_length.hpp"
#include "unroll/detail/autograd/ops/rows.hpp"

namespace unroll {
namespace detail {
namespace {

// y = x / length
template <class T>
void divide_row(const T* x, T length, index_t cols, T* y) {
  const Batch<T> divisor(length);
  for_blocks<T>(
      cols, [&](index_t j, index_t n)
                __attribute__((always_inline)) { store_block(y + j, load_block(x + j, n) / divisor, n); });
}

// The same where the length is beyond the largest number, though no element is.
template <class T>
bool divide_huge_row(const T* x, index_t cols, T* y) {
  const std::optional<int> exponent = common_exponent(x, cols);
  if (!exponent) return false;
  const T factor = std::ldexp(T{1}, -*exponent);
  for (index_t j = 0; j < cols; ++j) y[j] = x[j] * factor;
  divide_row(y, root_of_squares(y, cols, T{1}), cols, y);
  return true;
}

// dx (+)= (dy − y Σ y dy) / length; where the length does not depend on x, dy / length
template <class T>
void divide_row_back(const T* y, const T* dy, T length, bool constant, index_t cols, T* dx, bool add) {
  const auto product = [&](index_t j, index_t n) __attribute__((always_inline)) {
    return load_block(y + j, n) * load_block(dy + j, n);
  };
  const Batch<T> along(constant ? T{0} : sum_blocks<T>(cols, product)), divisor(length);
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const Batch<T> d = load_block(dy + j, n);
        write_block(dx + j, (constant ? d : d - load_block(y + j, n) * along) / divisor, n, add);
      });
}

/// Input: x with the axis last. Kept of each row: its length.
template <class T>
class L2NormaliseNode final : public Node<T> {
 public:
  L2NormaliseNode(T eps, TensorRef<T> lengths) : eps_(eps), lengths_(std::move(lengths)) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    const Tensor<T>& y = *this->output();
    const index_t cols = y.shape.back(0);
    for (index_t r = 0; r < lengths_->shape.size(); ++r) {
      const T length = lengths_->data[r];
      T* const dx = g.data + r * cols;
      if (length == T{0} || all_zero(dy + r * cols, cols)) {
        if (!g.add) std::fill_n(dx, cols, T{0});
        continue;
      }
      divide_row_back(y.data + r * cols, dy + r * cols, std::max(length, eps_), length < eps_, cols, dx,
                      g.add);
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> zero(T{0}), eps(eps_);
    const Variable<T> x = hide_idle_rows(dy[0], Variable<T>(TensorRef<T>(&this->input(0))));
    const Variable<T> length = norm(x, -1, {.keepdims = true});
    const Variable<T> constant = apply_compiled(ScalarOp::greater, {eps, length});
    const Variable<T> divisor = where(length, where(constant, eps, length), Variable<T>(T{1}));
    const Variable<T> y = div(x, divisor), along = mul(y, sum(mul(y, dy[0]), -1, {.keepdims = true}));
    const Variable<T> d = sub(dy[0], where(constant, zero, along));
    return {where(length, div(d, divisor), zero)};
  }

  std::string name() const override { return "l2_normalise"; }
  std::vector<Variable<T>> as_ops(const std::vector<Variable<T>>& in) const override {
    const Variable<T> squares = sum(Variable<T>(square(in[0])), -1, {.keepdims = true});
    const T tiny = std::numeric_limits<T>::min();  // no row of zeros is divided by 0
    return {Variable<T>(in[0] / maximum(sqrt(squares), std::max(eps_, tiny)))};
  }

 private:
  T eps_;
  TensorRef<T> lengths_;
};

template <class T>
Variable<T> normalised_rows(const Variable<T>& x0, T eps) {
  const Variable<T> x = dense(x0);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("l2_normalise", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(x.shape());
  const index_t cols = x.shape().back(0), rows = cols == 0 ? 0 : x.size() / cols;
  const TensorRef<T> lengths = Tensor<T>::make(Shape{rows});
  for (index_t r = 0; r < rows; ++r) {
    const T* const row = x.tensor()->data + r * cols;
    const T length = row_length(row, cols);
    lengths->data[r] = length;
    if (std::isinf(length) && divide_huge_row(row, cols, out->data + r * cols)) continue;
    divide_row(row, length == T{0} ? T{1} : length < eps ? eps : length, cols, out->data + r * cols);
  }
  return finish_op<L2NormaliseNode<T>>(recorded, inputs, out, eps, lengths);
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> l2_normalise(const Variable<T>& x, int axis, double eps) {
  using namespace detail;
  if (!x) fail_empty("l2_normalise", 0);
  kept_shape("l2_normalise", x.shape(), axis);  // checks the axis
  if (!(eps >= 0)) raise<UsageError>("l2_normalise: eps must be at least 0; got {}", eps);
  const int at = axis < 0 ? axis + x.rank() : axis, last = x.rank() - 1;
  if (at == last) return normalised_rows(x, static_cast<T>(eps));
  return transpose(normalised_rows(transpose(x, at, last), static_cast<T>(eps)), at, last);
}

UNROLL_COMPILE_FUNCTIONS(l2_normalise)

}  // namespace unroll
