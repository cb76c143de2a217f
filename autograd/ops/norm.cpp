#include "unroll/autograd/norm.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"
#include "unroll/detail/autograd/ops/row_length.hpp"
#include "unroll/detail/autograd/ops/rows.hpp"

namespace unroll {
namespace detail {
namespace {

// dx = x dy / y, and 0 where y or dy is
template <class T>
void norm_row_back(const T* x, T y, T dy, index_t cols, T* dx, bool add) {
  const bool idle = y == T{0} || dy == T{0};
  if (idle && !add) std::fill_n(dx, cols, T{0});
  if (idle) return;
  const bool usual = y > small_norm<T> && y < large_norm<T>;  // else dy / y might not be a normal number
  const Batch<T> length(y), d(dy), slope(dy / y);
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const Batch<T> v = load_block(x + j, n);
        write_block(dx + j, usual ? v * slope : v / length * d, n, add);
      });
}

template <class T>
class NormNode final : public Node<T> {
 public:
  explicit NormNode(const RowMatrix<T>& m) : kept_(m.kept), cols_(m.cols) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    const T *x = this->input(0).data, *y = this->output()->data;
    for (index_t r = 0; r < kept_.size(); ++r) {
      norm_row_back(x + r * cols_, y[r], dy[r], cols_, g.data + r * cols_, g.add);
    }
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Shape matrix{kept_.size(), cols_}, column{kept_.size(), 1};
    const Variable<T> x0(TensorRef<T>(&this->input(0))), y0(TensorRef<T>(this->output()));
    const Variable<T> d = reshape(dy[0], column);
    const Variable<T> x = hide_idle_rows(d, reshape(x0, matrix)), y = hide_idle_rows(d, reshape(y0, column));
    const Variable<T> length = where(y, y, Variable<T>(T{1}));  // x is 0 where y is
    return {reshape(mul(div(x, length), where(y, d, Variable<T>(T{0}))), x0.shape())};
  }
  std::string name() const override { return "norm"; }

 private:
  Shape kept_;
  index_t cols_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> norm(const Variable<T>& x, const Axes& axes, const ReduceOptions& options) {
  using namespace detail;
  if (!x) fail_empty("norm", 0);
  const RowMatrix<T> m = rows_over("norm", x, axes);
  Tensor<T>* const inputs[] = {m.x.tensor()};
  const bool recorded = begin_op<T>("norm", inputs);
  const Shape shape = options.keepdims ? kept_shape("norm", x.shape(), axes) : dropped_shape(x.shape(), axes);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  for (index_t r = 0; r < m.count; ++r) {
    const T* row = m.x.tensor()->data + r * m.cols;
    out->data[r] = row_length(row, m.cols);
  }
  return finish_op<NormNode<T>>(recorded, inputs, out, m);
}

UNROLL_COMPILE_FUNCTIONS(norm)

}  // namespace unroll
