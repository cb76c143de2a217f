#include "unroll/layers/kda.hpp"

#include <algorithm>

#include "unroll/detail/layers/recurrent/decay_init.hpp"

namespace unroll {

template <class T>
KdaCell<T>::KdaCell(index_t input, index_t hidden, const KdaOptions& o, Generator& rng)
    : strength_(o.negative ? T{2} : T{1}) {
  detail::check_sizes({{"input", input}, {"hidden", hidden}, {"taps", o.taps}});
  heads_ = detail::head_count("kda", hidden, {.heads = o.heads});
  const index_t value_heads = o.value_heads != 0 ? o.value_heads : heads_, d = hidden / heads_;
  if (value_heads < 1 || value_heads % heads_ != 0)
    raise<ShapeError>("kda: need value heads that are a multiple of the {} heads; got {}", heads_,
                      value_heads);
  const index_t rank = o.rank != 0 ? o.rank : 16, values = value_heads * d;
  detail::check_sizes({{"rank", rank}});
  weight_in = detail::draw<T>({2 * hidden + values, input}, input, rng);
  convolution = CausalConv1d<T>(2 * hidden + values, o.taps, {.bias = false}, rng);
  weight_gates = detail::draw<T>({2 * rank + value_heads, input}, input, rng);
  linear_decay = Linear<T>(rank, values, {}, rng);
  linear_decay.bias = detail::draw_step_biases<T>(values, rng);
  log_rate = detail::draw_log_rates<T>(value_heads, rng);
  norm = RMSNorm<T>(d, {.eps = 1e-5});
  linear_gate = Linear<T>(rank, values, {}, rng);
  weight_out = detail::draw<T>({hidden, values}, values, rng);
}

template KdaCell<float>::KdaCell(index_t, index_t, const KdaOptions&, Generator&);
template KdaCell<double>::KdaCell(index_t, index_t, const KdaOptions&, Generator&);

}  // namespace unroll
