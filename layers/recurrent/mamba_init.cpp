#include "unroll/layers/mamba.hpp"

#include <cmath>

#include "unroll/detail/layers/recurrent/decay_init.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

template <class T>
MambaCell<T>::MambaCell(index_t input, index_t hidden, const MambaOptions& o, Generator& rng) {
  detail::check_sizes(
      {{"input", input}, {"hidden", hidden}, {"states", o.states}, {"expand", o.expand}, {"taps", o.taps}});
  const index_t channels = o.expand * hidden, rank = (hidden + 15) / 16;
  weight_in = detail::draw<T>({2 * channels, input}, input, rng);
  convolution = CausalConv1d<T>(channels, o.taps, {}, rng);
  weight_select = detail::draw<T>({rank + 2 * o.states, channels}, channels, rng);
  linear_delta = Linear<T>(rank, channels, {}, rng);
  linear_delta.bias = detail::draw_step_biases<T>(channels, rng);
  log_a = Variable<T>::uninitialised({channels, o.states});
  for (index_t k = 0; k < log_a.size(); ++k)
    log_a.mutable_data()[k] = static_cast<T>(std::log(static_cast<double>(k % o.states + 1)));
  log_a.requires_grad(true);
  skip = Variable<T>({channels}, T{1}).requires_grad(true);
  weight_out = detail::draw<T>({hidden, channels}, channels, rng);
}

template MambaCell<float>::MambaCell(index_t, index_t, const MambaOptions&, Generator&);
template MambaCell<double>::MambaCell(index_t, index_t, const MambaOptions&, Generator&);

}  // namespace unroll
