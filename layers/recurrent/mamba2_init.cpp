#include "unroll/layers/mamba2.hpp"

#include "unroll/detail/layers/recurrent/decay_init.hpp"

namespace unroll {

template <class T>
Mamba2Cell<T>::Mamba2Cell(index_t input, index_t hidden, const Mamba2Options& o, Generator& rng)
    : states_(o.states), groups_(o.groups) {
  detail::check_sizes({{"input", input},
                       {"hidden", hidden},
                       {"states", o.states},
                       {"expand", o.expand},
                       {"groups", o.groups},
                       {"taps", o.taps}});
  const index_t channels = o.expand * hidden, maps = o.groups * o.states;
  const index_t heads = o.heads != 0 ? o.heads : detail::head_count("mamba2", channels, {});
  if (heads < 0 || channels % heads != 0 || heads % o.groups != 0)
    raise<ShapeError>(
        "mamba2: need heads that divide the {} channels and groups that divide the heads; got heads {}, "
        "groups {}",
        channels, heads, o.groups);
  const index_t convolved = channels + 2 * maps;
  weight_in = detail::draw<T>({channels + convolved + heads, input}, input, rng);
  convolution = CausalConv1d<T>(convolved, o.taps, {}, rng);
  bias_delta = detail::draw_step_biases<T>(heads, rng);
  log_a = detail::draw_log_rates<T>(heads, rng);
  skip = Variable<T>({heads}, T{1}).requires_grad(true);
  weight_norm = Variable<T>({channels}, T{1}).requires_grad(true);
  weight_out = detail::draw<T>({hidden, channels}, channels, rng);
}

template Mamba2Cell<float>::Mamba2Cell(index_t, index_t, const Mamba2Options&, Generator&);
template Mamba2Cell<double>::Mamba2Cell(index_t, index_t, const Mamba2Options&, Generator&);

}  // namespace unroll
