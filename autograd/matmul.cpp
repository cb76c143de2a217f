#include "autograd/matmul.hpp"

#include "autograd/gemm.hpp"
#include "autograd/views.hpp"

namespace unroll {
namespace detail {
namespace {

using blas::Trans;

template <class T>
class MatmulNode final : public FixedNode<T, 2> {
 public:
  void backward() override {
    const T* dy = this->output_grad();
    if (!dy) return;
    Tensor<T>&a = this->input(0), &b = this->input(1);
    const index_t m = a.shape[0], k = a.shape[1], n = b.shape[1];
    if (this->wants(0)) {  // dA = dY Bᵀ
      const GradSlot<T> g = open_grad(a);
      blas::gemm<T>(Trans::no, Trans::yes, m, k, n, T{1}, dy, n, b.data, n, g.add ? T{1} : T{0}, g.data, k);
    }
    if (this->wants(1)) {  // dB = Aᵀ dY
      const GradSlot<T> g = open_grad(b);
      blas::gemm<T>(Trans::yes, Trans::no, k, n, m, T{1}, a.data, k, dy, n, g.add ? T{1} : T{0}, g.data, n);
    }
  }
  std::vector<Variable<T>> emit(const std::vector<Variable<T>>& dy) override {
    const Variable<T> a(TensorRef<T>(&this->input(0))), b(TensorRef<T>(&this->input(1)));
    return {this->wants(0) ? matmul(dy[0], transpose(b)) : Variable<T>(),
            this->wants(1) ? matmul(transpose(a), dy[0]) : Variable<T>()};
  }
  std::string name() const override { return "matmul"; }
};

template <class T>
void transpose_to(const T* a, index_t rows, index_t cols, T* to, bool add) {
  for (index_t r = 0; r < rows; ++r)
    for (index_t c = 0; c < cols; ++c) to[c * rows + r] = (add ? to[c * rows + r] : T{0}) + a[r * cols + c];
}

template <class T>
class TransposeNode final : public FixedNode<T, 1> {
 public:
  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    const Shape& shape = this->output()->shape;
    transpose_to(dy, shape[0], shape[1], g.data, g.add);
  }
  std::vector<Variable<T>> emit(const std::vector<Variable<T>>& dy) override { return {transpose(dy[0])}; }
  std::string name() const override { return "transpose"; }
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> matmul(const Variable<T>& a0, const Variable<T>& b0) {
  using detail::Tensor;
  if (!a0) detail::fail_empty("matmul", 0);
  if (!b0) detail::fail_empty("matmul", 1);
  if (a0.rank() != 2 || b0.rank() != 2 || a0.shape()[1] != b0.shape()[0]) {
    fail<ShapeError>("matmul: need a (M, K) and b (K, N); got a {}, b {}", a0.shape().str(),
                     b0.shape().str());
  }
  const Variable<T> a = dense(a0), b = dense(b0);
  Tensor<T>* const inputs[] = {a.tensor(), b.tensor()};
  const bool recorded = detail::begin_op<T>("matmul", inputs);
  const index_t m = a.shape()[0], k = a.shape()[1], n = b.shape()[1];
  const detail::TensorRef<T> out = detail::Tape<T>::local().allocate_output(Shape{m, n});
  blas::gemm<T>(detail::Trans::no, detail::Trans::no, m, n, k, T{1}, a.data(), k, b.data(), n, T{0},
                out->data, n);
  if (recorded) {
    const detail::TensorRef<T> outs[] = {out};
    const detail::Ref<detail::Node<T>> node(new detail::MatmulNode<T>());
    detail::record<T>(node, inputs, outs);
    if (AnomalyMode::active()) detail::check_anomaly<T>(*node, *out);
  }
  return Variable<T>(out);
}

template <class T>
Variable<T> transpose(const Variable<T>& a0) {
  using detail::Tensor;
  if (!a0) detail::fail_empty("transpose", 0);
  if (a0.rank() != 2) fail<ShapeError>("transpose: need a matrix; got {}", a0.shape().str());
  const Variable<T> a = dense(a0);
  Tensor<T>* const inputs[] = {a.tensor()};
  const bool recorded = detail::begin_op<T>("transpose", inputs);
  const detail::TensorRef<T> out =
      detail::Tape<T>::local().allocate_output(Shape{a.shape()[1], a.shape()[0]});
  detail::transpose_to(a.data(), a.shape()[0], a.shape()[1], out->data, false);
  if (recorded) {
    const detail::TensorRef<T> outs[] = {out};
    detail::record<T>(detail::Ref<detail::Node<T>>(new detail::TransposeNode<T>()), inputs, outs);
  }
  return Variable<T>(out);
}

#define UNROLL_INSTANTIATE(T)                                          \
  template Variable<T> matmul(const Variable<T>&, const Variable<T>&); \
  template Variable<T> transpose(const Variable<T>&);
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace unroll
