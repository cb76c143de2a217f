#include "unroll/autograd/prod.hpp"

#include "unroll/autograd/cumulative.hpp"
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

// Four chains, as each product waits for the one before.
template <class T>
T row_product(const T* x, index_t cols) {
  double p[4] = {1, 1, 1, 1};
  index_t j = 0;
  for (; j + 4 <= cols; j += 4)
    for (index_t k = 0; k < 4; ++k) p[k] *= static_cast<double>(x[j + k]);
  for (; j < cols; ++j) p[0] *= static_cast<double>(x[j]);
  return static_cast<T>((p[0] * p[1]) * (p[2] * p[3]));
}

// dx_j = dy · what stands before x_j · what stands behind it, and 0 where dy is; `before` is room for a row.
template <class T>
void row_product_back(const T* x, T dy, index_t cols, double* before, T* dx, bool add) {
  if (dy == T{0}) {
    if (!add) std::fill_n(dx, cols, T{0});
    return;
  }
  double product = 1;
  for (index_t j = 0; j < cols; ++j) {
    before[j] = product;
    product *= static_cast<double>(x[j]);
  }
  double behind = 1;
  for (index_t j = cols - 1; j >= 0; --j) {
    const double slope = before[j] * behind * static_cast<double>(dy);
    dx[j] = static_cast<T>(add ? static_cast<double>(dx[j]) + slope : slope);
    behind *= static_cast<double>(x[j]);
  }
}

template <class T>
class ProdNode final : public Node<T> {
 public:
  explicit ProdNode(const RowMatrix<T>& m) : kept_(m.kept), cols_(m.cols) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    const T* x = this->input(0).data;
    PoolVector<double> before(static_cast<std::size_t>(cols_));
    for (index_t r = 0; r < kept_.size(); ++r)
      row_product_back(x + r * cols_, dy[r], cols_, before.data(), g.data + r * cols_, g.add);
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x0(TensorRef<T>(&this->input(0)));
    const Variable<T> d = reshape(dy[0], Shape{kept_.size(), 1});
    const Variable<T> x = hide_idle_rows(d, reshape(x0, Shape{kept_.size(), cols_}));
    const Variable<T> before = cumprod(x, 1, {.exclusive = true});
    const Variable<T> behind = cumprod(x, 1, {.exclusive = true, .reverse = true});
    return {reshape(mul(d, mul(before, behind)), x0.shape())};
  }
  std::string name() const override { return "prod"; }

 private:
  Shape kept_;
  index_t cols_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> prod(const Variable<T>& x, const Axes& axes, const ReduceOptions& options) {
  using namespace detail;
  if (!x) fail_empty("prod", 0);
  const RowMatrix<T> m = rows_over("prod", x, axes);
  Tensor<T>* const inputs[] = {m.x.tensor()};
  const bool recorded = begin_op<T>("prod", inputs);
  const Shape shape = options.keepdims ? kept_shape("prod", x.shape(), axes) : dropped_shape(x.shape(), axes);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  for (index_t r = 0; r < m.count; ++r) out->data[r] = row_product(inputs[0]->data + r * m.cols, m.cols);
  return finish_op<ProdNode<T>>(recorded, inputs, out, m);
}

UNROLL_COMPILE_FUNCTIONS(prod)

}  // namespace unroll
