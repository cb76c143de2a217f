#include "unroll/autograd/norm.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"
#include "unroll/detail/autograd/ops/rows.hpp"

namespace unroll {
namespace detail {
namespace {

// dx = x dy / y, and 0 where y is
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
      const Batch<T> slope(y[r] == T{0} ? T{0} : dy[r] / y[r]);
      for_blocks<T>(
          cols_, [&](index_t j, index_t n) __attribute__((always_inline)) {
            const index_t i = r * cols_ + j;
            write_block(g.data + i, load_block(x + i, n) * slope, n, g.add);
          });
    }
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x(TensorRef<T>(&this->input(0)));
    const Variable<T> y = reshape(Variable<T>(TensorRef<T>(this->output())), kept_),
                      d = reshape(dy[0], kept_);
    const Variable<T> length = where(y, y, Variable<T>(T{1}));  // x is 0 where y is
    return {mul(x, div(where(y, d, Variable<T>(T{0})), length))};
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
    const T* row = m.x.data() + r * m.cols;
    out->data[r] = std::sqrt(sum_blocks<T>(
        m.cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
          const Batch<T> v = load_block(row + j, n);
          return v * v;
        }));
  }
  return finish_op<NormNode<T>>(recorded, inputs, out, m);
}

UNROLL_COMPILE_FUNCTIONS(norm)

}  // namespace unroll
