#include "unroll/layers/delta_net.hpp"

namespace unroll {

template <class T>
DeltaNetCell<T>::DeltaNetCell(index_t input, index_t hidden, const DeltaNetOptions& o, Generator& rng)
    : strength_(o.negative ? T{2} : T{1}) {
  detail::check_sizes({{"input", input}, {"hidden", hidden}, {"taps", o.taps}});
  const index_t heads = detail::head_count("delta_net", hidden, {.heads = o.heads});
  weight_in = detail::draw<T>({3 * hidden, input}, input, rng);
  convolution = CausalConv1d<T>(3 * hidden, o.taps, {.bias = false}, rng);
  weight_beta = detail::draw<T>({heads, input}, input, rng);
  norm = RMSNorm<T>(hidden / heads, {.eps = 1e-5});
  if (o.gate) weight_z = detail::draw<T>({hidden, input}, input, rng);
  weight_out = detail::draw<T>({hidden, hidden}, hidden, rng);
}

template DeltaNetCell<float>::DeltaNetCell(index_t, index_t, const DeltaNetOptions&, Generator&);
template DeltaNetCell<double>::DeltaNetCell(index_t, index_t, const DeltaNetOptions&, Generator&);

}  // namespace unroll
