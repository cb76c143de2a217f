#include "unroll/layers/mlstm.hpp"

#include <algorithm>

namespace unroll {
namespace detail {

template <class T>
Variable<T> mlstm_gate_biases(index_t heads, Generator& rng) {
  auto bias = Variable<T>::uninitialised({2 * heads});
  T* const b = bias.mutable_data();
  for (index_t k = 0; k < heads; ++k) {
    b[k] = static_cast<T>(rng.normal(0, 0.1));
    b[heads + k] = static_cast<T>(3 + 3.0 * static_cast<double>(k) /
                                          static_cast<double>(std::max<index_t>(1, heads - 1)));
  }
  return bias.requires_grad(true);
}

template Variable<float> mlstm_gate_biases(index_t, Generator&);
template Variable<double> mlstm_gate_biases(index_t, Generator&);

}  // namespace detail

template <class T>
MlstmCell<T>::MlstmCell(index_t input, index_t hidden, const MlstmOptions& o, Generator& rng) {
  detail::check_sizes({{"input", input}, {"hidden", hidden}});
  const index_t heads = detail::head_count("mlstm", hidden, {.heads = o.heads});
  weight_in = detail::draw<T>({4 * hidden, input}, hidden, rng);
  weight_gates = Variable<T>({2 * heads, input}, T{0}).requires_grad(true);
  if (!o.bias) return;
  bias_in = detail::draw<T>({4 * hidden}, hidden, rng);
  bias_gates = detail::mlstm_gate_biases<T>(heads, rng);
}

template MlstmCell<float>::MlstmCell(index_t, index_t, const MlstmOptions&, Generator&);
template MlstmCell<double>::MlstmCell(index_t, index_t, const MlstmOptions&, Generator&);

}  // namespace unroll
