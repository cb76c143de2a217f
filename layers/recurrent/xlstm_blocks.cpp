#include "unroll/layers/xlstm_blocks.hpp"

#include <numeric>

#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll {
namespace {

/// Four, or as many as divide H, unless options say it.
index_t xlstm_heads(index_t hidden, const XlstmOptions& o) {
  detail::check_sizes({{"hidden", hidden}, {"taps", o.taps}});
  return detail::head_count("xlstm", hidden,
                            {.heads = o.heads == 0 ? std::gcd(hidden, index_t{4}) : o.heads});
}

/// A norm with a scale alone.
template <class Norm>
Norm without_bias(Norm norm) {
  norm.bias = {};
  return norm;
}

}  // namespace

template <class T>
MlstmBlock<T>::MlstmBlock(index_t hidden, const XlstmOptions& o, Generator& rng) {
  const index_t heads = xlstm_heads(hidden, o), width = 2 * hidden, block = std::gcd(width, index_t{4});
  norm = without_bias(LayerNorm<T>(hidden));
  weight_up = detail::draw<T>({2 * width, hidden}, hidden, rng);
  convolution = CausalConv1d<T>(width, o.taps, {}, rng);
  weight_qk = detail::draw<T>({2, width / block, block, block}, block, rng);
  weight_v = detail::draw<T>({width / block, block, block}, block, rng);
  weight_gates = Variable<T>({2 * heads, 3 * width}, T{0}).requires_grad(true);
  bias_gates = detail::mlstm_gate_biases<T>(heads, rng);
  norm_heads = without_bias(GroupNorm<T>(heads, width));
  skip = Variable<T>({width}, T{1}).requires_grad(true);
  weight_down = detail::draw<T>({hidden, width}, width, rng);
  dropout = Dropout<T>(o.dropout, rng);
}

template <class T>
SlstmBlock<T>::SlstmBlock(index_t hidden, const XlstmOptions& o, Generator& rng) {
  const index_t heads = xlstm_heads(hidden, o), d = hidden / heads;
  norm = without_bias(LayerNorm<T>(hidden));
  convolution = CausalConv1d<T>(hidden, o.taps, {}, rng);
  weight_if = detail::draw<T>({2, heads, d, d}, d, rng);
  weight_zo = detail::draw<T>({2, heads, d, d}, d, rng);
  bias = Variable<T>({4 * hidden}, T{0});
  for (index_t k = 0; k < hidden; ++k)
    bias.mutable_data()[hidden + k] =
        static_cast<T>(3 + 3.0 * static_cast<double>(k % d) / static_cast<double>(d));
  bias.requires_grad(true);
  unit.cell.weight_hh = detail::draw<T>({4, heads, d, d}, hidden, rng);
  norm_heads = without_bias(GroupNorm<T>(heads, hidden));
  norm_feed_forward = without_bias(LayerNorm<T>(hidden));
  const index_t wide = o.feed_forward > 0 ? o.feed_forward : (4 * hidden + 47) / 48 * 16;
  weight_ff = detail::draw<T>({2 * wide, hidden}, hidden, rng);
  weight_down = detail::draw<T>({hidden, wide}, wide, rng);
  dropout = Dropout<T>(o.dropout, rng);
}

UNROLL_COMPILE_TYPES(struct MlstmBlock, struct SlstmBlock)

}  // namespace unroll
