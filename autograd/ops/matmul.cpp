#include "unroll/autograd/matmul.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/gemm/precise_gemm.hpp"
#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

using blas::Trans;

Shape leading(const Shape& shape) { return Shape(shape.begin(), shape.end() - 2); }

/// Which matrices of a and b make each matrix of the result.
struct Pairs {
  index_t m, k, n, count;
  Shape batch, a, b;  ///< the leading axes of the result and of the operands
  bool a_repeats, b_repeats;

  Pairs(const Shape& x, const Shape& y)
      : m(x.back(1)), k(x.back(0)), n(y.back(0)), a(leading(x)), b(leading(y)) {
    batch = broadcast("matmul", a, b);
    count = batch.size();
    if (b.size() == 1) {  // the rows of all matrices of a are one matrix
      m *= count;
      count = 1;
      a = batch = Shape{};
    }
    a_repeats = a.size() != batch.size();
    b_repeats = b.size() != batch.size();
  }

  // Distances of rows, at least 1 as BLAS has it.
  index_t row_a() const { return std::max<index_t>(k, 1); }
  index_t row_b() const { return std::max<index_t>(n, 1); }
  // The number of the operand's matrix for matrix i of the result.
  index_t of(const Shape& operand, index_t i) const {
    index_t number = 0, below = 1;
    for (int axis = 0; axis < batch.rank(); ++axis) {
      const index_t position = i % batch.back(axis);
      i /= batch.back(axis);
      if (operand.back(axis) == 1) continue;
      number += position * below;
      below *= operand.back(axis);
    }
    return number;
  }
  /// Calls f(offset in a, offset in b, offset in the result).
  template <class F>
  void each(F&& f) const {
    for (index_t i = 0; i < count; ++i) f(of(a, i) * m * k, of(b, i) * k * n, i * m * n);
  }
};

template <class T>
class MatmulNode final : public Node<T> {
 public:
  explicit MatmulNode(Precision precision) : precision_(precision) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy) return;
    Tensor<T>&a = this->input(0), &b = this->input(1);
    const Pairs p(a.shape, b.shape);
    if (this->wants(0)) {  // dA = dY Bᵀ
      const GradSlot<T> g = p.a_repeats ? open_grad_to_add(a) : open_grad(a);
      p.each([&](index_t at_a, index_t at_b, index_t at_y) {
        multiply_rows_in_use<T>(
            dy + at_y, p.m, p.n, {g.data + at_a, p.k, p.row_a(), g.add},
            [&] { return all_finite(b.data + at_b, p.k * p.n); },
            [&](T beta, T* to, index_t ldto) {
              blas::precise_gemm<T>(precision_, Trans::no, Trans::yes, p.m, p.k, p.n, dy + at_y, p.row_b(),
                                    b.data + at_b, p.row_b(), beta != T{0}, to, std::max<index_t>(ldto, 1));
            });
      });
    }
    if (this->wants(1)) {  // dB = Aᵀ dY
      const GradSlot<T> g = p.b_repeats ? open_grad_to_add(b) : open_grad(b);
      p.each([&](index_t at_a, index_t at_b, index_t at_y) {
        const RowsInUse<T> used(dy + at_y, p.n, a.data + at_a, p.m, p.k, p.row_a());
        blas::precise_gemm<T>(precision_, Trans::yes, Trans::no, p.k, p.n, p.m, used.data, p.row_a(),
                              dy + at_y, p.row_b(), g.add, g.data + at_b, p.row_b());
      });
    }
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    const Variable<T> a(TensorRef<T>(&this->input(0))), b(TensorRef<T>(&this->input(1)));
    std::vector<Variable<T>> dx(2);
    if (this->wants(0)) dx[0] = fit_to(hide_idle_rows(dy[0], matmul(dy[0], transpose(b, -2, -1))), a.shape());
    if (this->wants(1)) dx[1] = fit_to(matmul(transpose(hide_idle_rows(dy[0], a), -2, -1), dy[0]), b.shape());
    return dx;
  }
  std::string name() const override { return "matmul"; }
  bool plan(StepPlanner<T>& to) const override {
    const Pairs p(this->input(0).shape, this->input(1).shape);
    StepProducts products{p.m, p.k, p.n, {}, precision_};
    p.each([&](index_t a, index_t b, index_t y) { products.offsets.push_back({a, b, y}); });
    to.products(*this, std::move(products));
    return true;
  }

 private:
  Precision precision_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> matmul(const Variable<T>& a0, const detail::Same<Variable<T>>& b0) {
  using namespace detail;
  if (!a0) fail_empty("matmul", 0);
  if (!b0) fail_empty("matmul", 1);
  if (a0.rank() < 2 || b0.rank() < 2 || a0.shape().back(0) != b0.shape().back(1)) {
    raise<ShapeError>("matmul: need a (…, M, K) and b (…, K, N); got a {}, b {}", a0.shape().str(),
                      b0.shape().str());
  }
  Shape shape = broadcast("matmul", leading(a0.shape()), leading(b0.shape()));
  shape = shape.inserted(shape.rank(), a0.shape().back(1));
  shape = shape.inserted(shape.rank(), b0.shape().back(0));
  const Variable<T> a = dense(a0), b = dense(b0);
  Tensor<T>* const inputs[] = {a.tensor(), b.tensor()};
  const bool recorded = begin_op<T>("matmul", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  const Pairs p(a.shape(), b.shape());
  const Precision precision = MatmulPrecision::current();
  p.each([&](index_t at_a, index_t at_b, index_t at_y) {
    blas::precise_gemm<T>(precision, Trans::no, Trans::no, p.m, p.n, p.k, a.tensor()->data + at_a, p.row_a(),
                          b.tensor()->data + at_b, p.row_b(), false, out->data + at_y, p.row_b());
  });
  return finish_op<MatmulNode<T>>(recorded, inputs, out, precision);
}

UNROLL_COMPILE_FUNCTIONS(matmul)

}  // namespace unroll
