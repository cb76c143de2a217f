#include "unroll/autograd/softmax.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/rows.hpp"

namespace unroll {
namespace detail {
namespace {

template <class T>
constexpr T minus_infinity = -std::numeric_limits<T>::infinity();

template <class T>
void softmax_row(const T* x, index_t cols, T* y) {
  const T shift = exp_shift(x, cols);
  const T total = sum_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const Batch<T> e = num::exp(load_block(x + j, n, minus_infinity<T>) - Batch<T>(shift));
        store_block(y + j, e, n);
        return e;
      });
  const Batch<T> scale(total == T{0} ? T{0} : T{1} / total);  // 0: a row of −∞
  for_blocks<T>(
      cols, [&](index_t j, index_t n)
                __attribute__((always_inline)) { store_block(y + j, load_block(y + j, n) * scale, n); });
}

// A row that nothing flows into.
template <class T>
void idle_row_back(index_t cols, T* dx, bool add) {
  if (!add) std::fill_n(dx, cols, T{0});
}

// dx = y (dy − Σ dy y)
template <class T>
void softmax_row_back(const T* y, const T* dy, index_t cols, T* dx, bool add) {
  const T product = sum_blocks<T>(
      cols, [&](index_t j, index_t n)
                __attribute__((always_inline)) { return load_block(dy + j, n) * load_block(y + j, n); });
  if (std::isnan(product) && all_zero(dy, cols)) return idle_row_back(cols, dx, add);
  const Batch<T> dot(product);
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        write_block(dx + j, load_block(y + j, n) * (load_block(dy + j, n) - dot), n, add);
      });
}

template <class T>
void log_softmax_row(const T* x, index_t cols, T* y) {
  const T shift = exp_shift(x, cols), total = sum_exp(x, cols, shift);
  const Batch<T> offset(total == T{0} ? T{0} : std::log(total));  // 0: a row of −∞
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        store_block(y + j, load_block(x + j, n) - Batch<T>(shift) - offset, n);
      });
}

template <class T>
bool all_minus_infinity(const T* y, index_t cols) {
  return std::all_of(y, y + cols, [](T v) { return v == minus_infinity<T>; });
}

// dx = dy − eʸ Σ dy, and 0 for a row of −∞
template <class T>
void log_softmax_row_back(const T* y, const T* dy, index_t cols, T* dx, bool add) {
  const Batch<T> alive(all_minus_infinity(y, cols) ? T{0} : T{1});
  const T total = sum_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) { return load_block(dy + j, n); });
  if (total == T{0} && all_zero(dy, cols)) return idle_row_back(cols, dx, add);
  const Batch<T> sum(total);
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const Batch<T> d = load_block(dy + j, n) - num::exp(load_block(y + j, n)) * sum;
        write_block(dx + j, num::select(num::eq(alive, Batch<T>(T{0})), alive, d), n, add);
      });
}

/// softmax or its logarithm over the last axis.
template <class T, bool logarithm>
class SoftmaxNode final : public Node<T> {
 public:
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const T* y = this->output()->data;
    const GradSlot<T> g = open_grad(this->input(0));
    const index_t cols = this->output()->shape.back(0), size = this->output()->shape.size();
    constexpr auto row_back = logarithm ? &log_softmax_row_back<T> : &softmax_row_back<T>;
    for (index_t i = 0; i < size; i += cols) row_back(y + i, dy + i, cols, g.data + i, g.add);
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> y = hide_idle_rows(dy[0], Variable<T>(TensorRef<T>(this->output())));
    if constexpr (!logarithm) return {mul(y, sub(dy[0], sum(mul(dy[0], y), -1, {.keepdims = true})))};
    const Variable<T> dx = sub(dy[0], mul(exp(y), sum(dy[0], -1, {.keepdims = true})));
    Variable<T> alive(y.shape().with(y.rank() - 1, 1), T{1});
    for (index_t r = 0, cols = y.shape().back(0); r < alive.size(); ++r)
      if (all_minus_infinity(y.data() + r * cols, cols)) alive.tensor()->data[r] = T{0};
    return {where(alive, dx, Variable<T>(T{0}))};
  }

  std::string name() const override { return logarithm ? "log_softmax" : "softmax"; }
};

template <bool logarithm, class T>
Variable<T> softmax_along(const char* op, const Variable<T>& x, int axis) {
  if (!x) fail_empty(op, 0);
  axis = normalise_axis(op, axis, x.rank());
  if (axis != x.rank() - 1) {
    return transpose(softmax_along<logarithm>(op, transpose(x, axis, -1), -1), axis, -1);
  }
  const Variable<T> from = dense(x);
  Tensor<T>* const inputs[] = {from.tensor()};
  const bool recorded = begin_op<T>(op, inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(x.shape());
  const index_t cols = x.shape().back(0);
  constexpr auto row = logarithm ? &log_softmax_row<T> : &softmax_row<T>;
  for (index_t i = 0; i < x.size(); i += cols) row(from.tensor()->data + i, cols, out->data + i);
  return finish_op<SoftmaxNode<T, logarithm>>(recorded, inputs, out);
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> softmax(const Variable<T>& x, int axis) {
  return detail::softmax_along<false>("softmax", x, axis);
}
template <class T>
Variable<T> log_softmax(const Variable<T>& x, int axis) {
  return detail::softmax_along<true>("log_softmax", x, axis);
}

UNROLL_COMPILE_FUNCTIONS(softmax, log_softmax)

}  // namespace unroll
