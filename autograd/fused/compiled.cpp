#include "unroll/detail/autograd/fused/compiled.hpp"

#include "unroll/detail/autograd/base/common_shape.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/detail/autograd/fused/code.hpp"

namespace unroll::detail {

template <class T>
Variable<T> run_compiled(ScalarOp op, Tensor<T>* const* inputs, const Shape& shape) {
  Variable<T> y;
  run_code<T>(code_of<T>(op), nullptr, inputs, shape, &y);
  return y;
}

template <class T>
Variable<T> apply_compiled(ScalarOp op, std::span<const Variable<T>> arguments) {
  const std::string_view name = facts_of(op).name;
  Tensor<T>* inputs[max_op_arity];
  CommonShape shape;
  for (std::size_t k = 0; k < arguments.size(); ++k) {
    inputs[k] = arguments[k].tensor();
    if (!inputs[k]) fail_empty(name, k);
    shape.include(name, inputs[k]->shape);
  }
  return run_compiled(op, inputs, *shape);
}

template <class T>
Variable<T> absorb(const Variable<T>& d, const Variable<T>& g) {
  const ArrayView<T> gs = g.value();
  const bool finite = std::all_of(gs.begin(), gs.end(), [](T x) { return std::isfinite(x); });
  if (finite || d.shape() != g.shape()) return g;
  const ArrayView<T> ds = d.value();
  auto keep = Variable<T>::uninitialised(g.shape());
  std::transform(ds.begin(), ds.end(), gs.begin(), keep.tensor()->data, [](T incoming, T passed) {
    return incoming != T{0} || std::isfinite(passed) ? T{1} : T{0};
  });
  return apply_compiled(ScalarOp::where, {keep, g, Variable<T>(T{0})});
}

UNROLL_COMPILE_FUNCTIONS(run_compiled, absorb)
template Variable<float> apply_compiled(ScalarOp, std::span<const Variable<float>>);
template Variable<double> apply_compiled(ScalarOp, std::span<const Variable<double>>);

}  // namespace unroll::detail
