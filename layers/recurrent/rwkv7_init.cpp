#include <algorithm>
#include <cmath>

#include "unroll/layers/rwkv7.hpp"

namespace unroll {
namespace {

/// A parameter of f(0), f(1), ….
template <class T, class F>
Variable<T> filled(const Shape& shape, F&& f) {
  auto p = Variable<T>::uninitialised(shape);
  for (index_t n = 0; n < p.size(); ++n) p.mutable_data()[n] = static_cast<T>(f(n));
  return p.requires_grad(true);
}

/// A weight from U(−gain/√I, gain/√I).
template <class T>
Variable<T> drawn_weight(index_t rows, index_t cols, double gain, Generator& rng) {
  auto w = Variable<T>::uninitialised({rows, cols});
  const double bound = gain / std::sqrt(static_cast<double>(cols));
  return init::uniform(w, -bound, bound, rng).requires_grad(true);
}

/// n / (size − 1), from 0 to 1.
double ramp(index_t n, index_t size) {
  return size > 1 ? static_cast<double>(n) / static_cast<double>(size - 1) : 0.5;
}
/// From −1 to 1 along a head, flat in its middle.
double zigzag(index_t n, index_t head_size) {
  const double z = 2 * ramp(n % head_size, head_size) - 1;
  return z * std::abs(z);
}
/// 1 − (n / size)^power: how much of the step before an element takes at first.
double share_before(index_t n, index_t size, double power) {
  return 1 - std::pow(static_cast<double>(n) / static_cast<double>(size), power);
}

/// The rank of a low-rank map that the authors advise: about factor · √H, in steps of 32.
index_t advised_rank(index_t hidden, double factor) {
  return std::max<index_t>(32, 32 * std::llround(factor * std::sqrt(static_cast<double>(hidden)) / 32));
}

/// Both factors of a low-rank map, and the bias that f gives; zeros first, so that it begins as its bias.
template <class T>
struct LowRank {
  index_t input, hidden, rank;
  Generator& rng;

  Variable<T> down() const { return Variable<T>({rank, input}, T{0}).requires_grad(true); }
  Linear<T> up() const {
    Linear<T> layer(rank, hidden, {.bias = false}, rng);
    // The authors' matrix (R, H) has a gain of √(R/H) where R > H.
    const double ratio = static_cast<double>(rank) / static_cast<double>(hidden);
    init::orthogonal(layer.weight, {.gain = 0.1 * std::sqrt(std::max(1.0, ratio))}, rng);
    return layer;
  }
  template <class F>
  Linear<T> up(F&& f) const {
    Linear<T> layer = up();
    layer.bias = filled<T>({hidden}, f);
    return layer;
  }
};

void check_depth(const Rwkv7Depth& depth) {
  if (depth.layer < 0 || depth.layer >= depth.layers)
    raise<UsageError>("rwkv7: need a layer from 0 to layers − 1; got layer {} of {}", depth.layer,
                      depth.layers);
}

}  // namespace

template <class T>
Rwkv7Cell<T>::Rwkv7Cell(index_t input, index_t hidden, const Rwkv7Options& o, const Rwkv7Depth& depth,
                        Generator& rng) {
  detail::check_sizes({{"input", input}, {"hidden", hidden}});
  if (o.rank != 0) detail::check_sizes({{"rank", o.rank}});
  const index_t heads = detail::head_count("rwkv7", hidden, {.heads = o.heads}), size = hidden / heads;
  check_depth(depth);
  const double rise = depth.layers > 1 ? ramp(depth.layer, depth.layers) : 0;  // from 0 to 1 over the layers
  const double fall = 1 - static_cast<double>(depth.layer) / static_cast<double>(depth.layers);
  const auto low = [&](double factor) {
    return LowRank<T>{input, hidden, o.rank != 0 ? o.rank : advised_rank(hidden, factor), rng};
  };
  const auto slope = [&](index_t n) { return ramp(n, hidden) - 0.5; };

  constexpr double powers[] = {0.2, 0.9, 0.7, 0.7, 0.9, 0.2};  // r, w, k, v, a, g
  mix = filled<T>({6, input},
                  [&](index_t n) { return share_before(n % input, input, powers[n / input] * fall); });
  weight_r = drawn_weight<T>(hidden, input, 0.5, rng);
  weight_k = drawn_weight<T>(hidden, input, 0.05, rng);
  weight_v = drawn_weight<T>(hidden, input, 0.5, rng);

  weight_decay = low(2.5).down();
  linear_decay = low(2.5).up([&](index_t n) {
    return -5.5 + 6 * std::pow(ramp(n, hidden), 1 + std::pow(rise, 0.3)) + 2.5 * zigzag(n, size);
  });
  weight_rate = low(2.5).down();
  linear_rate = low(2.5).up([&](index_t n) { return -0.19 + 0.3 * zigzag(n, size) + 0.4 * slope(n); });
  if (depth.layer > 0) {
    weight_value = low(1.7).down();
    linear_value = low(1.7).up([&](index_t n) { return 0.73 - 0.4 * slope(n); });
  }
  weight_gate = low(5).down();
  linear_gate = low(5).up();

  key_direction = filled<T>({hidden}, [&](index_t n) { return 0.71 - 0.1 * slope(n); });
  key_rate = Variable<T>({hidden}, static_cast<T>(1.02)).requires_grad(true);
  bonus = Variable<T>({heads, size}, static_cast<T>(-0.04)).requires_grad(true);
  norm = GroupNorm<T>(heads, hidden, {.eps = 64e-5});
  weight_out = detail::draw<T>({hidden, hidden}, hidden, rng);
}

template <class T>
Rwkv7Block<T>::Rwkv7Block(index_t hidden, const Rwkv7Options& options, const Rwkv7Depth& depth,
                          Generator& rng)
    : norm_time(hidden), norm_channel(hidden), time(hidden, hidden, options, depth, rng) {
  init::constant(time.weight_out, 0);
  const double fall = 1 - static_cast<double>(depth.layer) / static_cast<double>(depth.layers);
  mix_channel = filled<T>({hidden}, [&](index_t n) { return share_before(n, hidden, std::pow(fall, 4)); });
  weight_up = drawn_weight<T>(4 * hidden, hidden, 0.5, rng);
  weight_down = Variable<T>({hidden, 4 * hidden}, T{0}).requires_grad(true);
}

template <class T>
Rwkv7StackCell<T>::Rwkv7StackCell(index_t input, index_t hidden, int num_blocks, double p,
                                  const Rwkv7Options& options, Generator& rng) {
  detail::check_sizes({{"input", input}, {"hidden", hidden}});
  detail::check_num_layers("rwkv7", num_blocks);
  if (input != hidden) weight_in = detail::draw<T>({hidden, input}, input, rng);
  norm_in = LayerNorm<T>(hidden);
  for (int k = 0; k < num_blocks; ++k)
    blocks.emplace_back(hidden, options, Rwkv7Depth{.layer = k, .layers = num_blocks}, rng);
  norm_out = LayerNorm<T>(hidden);
  dropout = Dropout<T>(p, rng);
}

#define UNROLL_COMPILE_RWKV7_INIT(T)                                                                      \
  template Rwkv7Cell<T>::Rwkv7Cell(index_t, index_t, const Rwkv7Options&, const Rwkv7Depth&, Generator&); \
  template Rwkv7Block<T>::Rwkv7Block(index_t, const Rwkv7Options&, const Rwkv7Depth&, Generator&);        \
  template Rwkv7StackCell<T>::Rwkv7StackCell(index_t, index_t, int, double, const Rwkv7Options&, Generator&);
UNROLL_COMPILE_RWKV7_INIT(float)
UNROLL_COMPILE_RWKV7_INIT(double)

}  // namespace unroll
