#include "unroll/layers/gated_delta.hpp"

#include <cmath>

namespace unroll {

template <class T>
GatedDeltaCell<T>::GatedDeltaCell(index_t input, index_t hidden, const GatedDeltaOptions& o, Generator& rng)
    : strength_(o.negative ? T{2} : T{1}), gated_(o.gated) {
  detail::check_sizes({{"input", input}, {"hidden", hidden}, {"taps", o.taps}});
  heads_ = detail::head_count("gated_delta", hidden, {.heads = o.heads});
  const auto draw = [&](index_t rows, index_t cols) { return detail::draw<T>({rows, cols}, cols, rng); };
  weight_in = draw(3 * hidden, input);
  convolution = CausalConv1d<T>(3 * hidden, o.taps, {.bias = false}, rng);
  weight_gates = draw(2 * heads_, input);
  if (gated_) {
    bias_decay = Variable<T>::uninitialised({heads_}), log_rate = Variable<T>::uninitialised({heads_});
    for (index_t k = 0; k < heads_; ++k) {
      const double step = std::exp(rng.uniform(std::log(0.001), std::log(0.1)));
      bias_decay.mutable_data()[k] = static_cast<T>(std::log(std::expm1(step)));
      log_rate.mutable_data()[k] = static_cast<T>(std::log(rng.uniform(1, 16)));
    }
    bias_decay.requires_grad(true), log_rate.requires_grad(true);
  }
  norm = RMSNorm<T>(hidden / heads_, {.eps = 1e-5});
  weight_z = draw(hidden, input);
  weight_out = draw(hidden, hidden);
}

template GatedDeltaCell<float>::GatedDeltaCell(index_t, index_t, const GatedDeltaOptions&, Generator&);
template GatedDeltaCell<double>::GatedDeltaCell(index_t, index_t, const GatedDeltaOptions&, Generator&);

}  // namespace unroll
