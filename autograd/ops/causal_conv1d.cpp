#include "unroll/autograd/causal_conv1d.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/ops/causal_conv1d_node.hpp"

namespace unroll {
namespace detail {
namespace {

template <class T>
ConvSizes conv_sizes(const Variable<T>& x, const Variable<T>& w, const Variable<T>& b) {
  if (!x) fail_empty("causal_conv1d", 0);
  if (!w) fail_empty("causal_conv1d", 1);
  if (x.rank() != 3)
    raise<ShapeError>("causal_conv1d: need x (T, B, I); got {}", name_and_shape(*x.tensor()));
  const Shape &xs = x.shape(), &ws = w.shape();
  const bool depthwise = ws.rank() == 2;
  if ((!depthwise && ws.rank() != 3) || ws.back(0) < 1 || ws[depthwise ? 0 : 1] != xs[2]) {
    raise<ShapeError>("causal_conv1d: need a weight (I, K) or (O, I, K) with I = {} and K ≥ 1; got {}", xs[2],
                      name_and_shape(*w.tensor()));
  }
  const ConvSizes s{xs[0], xs[1], xs[2], ws[0], ws.back(0), depthwise};
  if (b && !(b.shape() == Shape{s.outputs}))
    raise<ShapeError>("causal_conv1d: need a bias ({},); got {}", s.outputs, name_and_shape(*b.tensor()));
  return s;
}

template <class T>
void check_conv_options(const ConvSizes& s, const CausalConv1dOptions<T>& o) {
  const Shape state{s.before(), s.batch, s.inputs}, steps{s.time, s.batch};
  if (o.state && !(o.state.shape() == state))
    raise<ShapeError>("causal_conv1d: need a state {}; got {}", state.str(),
                      name_and_shape(*o.state.tensor()));
  if (o.resets.size() > 0 && !(o.resets.shape() == steps))
    raise<ShapeError>("causal_conv1d: need resets {}; got {}", steps.str(), o.resets.shape().str());
  if (o.lengths.size() == 0) return;
  if (!(o.lengths.shape() == Shape{s.batch})) {
    raise<ShapeError>("causal_conv1d: need a length for each of {} sequences; got lengths {}", s.batch,
                      o.lengths.shape().str());
  }
  for (index_t b = 0; b < s.batch; ++b) {
    if (o.lengths[b] >= 0 && o.lengths[b] <= s.time) continue;
    raise<IndexError>(
        "causal_conv1d: need lengths from 0 to {}, the number of time steps; sequence {} has {}", s.time, b,
        o.lengths[b]);
  }
}

template <class T>
ConvSight sight_of(const ConvSizes& s, const CausalConv1dOptions<T>& o) {
  ConvSight sight{std::vector<index_t>(static_cast<std::size_t>(s.rows())), {}, {}};
  for (index_t b = 0; b < s.batch; ++b) {
    index_t seen = o.state ? s.taps : 0;
    const index_t length = o.lengths.size() > 0 ? o.lengths[b] : s.time;
    for (index_t t = 0; t < length; ++t) {
      const index_t r = t * s.batch + b;
      if (o.resets.size() > 0 && o.resets[r] != 0) seen = 0;
      seen = std::min(s.taps, seen + 1);
      sight.taps[static_cast<std::size_t>(r)] = seen;
    }
    sight.lengths.push_back(length);
    sight.kept.push_back(std::min(s.before(), seen));
  }
  return sight;
}

template <class T>
void convolve(const ConvSizes& s, const ConvSight& sight, const History<const T>& in, Tensor<T>& w,
              const T* bias, T* y, T* state) {
  if (s.depthwise) {
    const PoolVector<T> weights = weights_by_tap(s, w.data);
    share_features(s, [&](index_t first, index_t last) {
      convolve_features(s, sight, in, weights.data(), bias, y, first, last);
    });
  } else {
    convolve_all(s, sight, in, w, bias, y);
  }
  std::fill_n(state, s.state_rows() * s.inputs, T{0});
  for_kept_rows(s, sight,
                [&](index_t to, index_t h) { std::copy_n(in.row(h), s.inputs, state + to * s.inputs); });
}

}  // namespace
}  // namespace detail

template <class T>
Convolved<T> causal_conv1d(const Variable<T>& x0, const detail::Same<Variable<T>>& weight,
                           const detail::Same<Variable<T>>& bias,
                           const detail::Same<CausalConv1dOptions<T>>& options) {
  using namespace detail;
  const ConvSizes s = conv_sizes(x0, weight, bias);
  check_conv_options(s, options);
  const bool has_state = options.state && s.before() > 0;
  const Variable<T> x = dense(x0), w = dense(weight), b = bias ? dense(bias) : bias,
                    state = has_state ? dense(options.state) : Variable<T>();
  PoolVector<Tensor<T>*> inputs{x.tensor(), w.tensor()};
  if (b) inputs.push_back(b.tensor());
  if (has_state) inputs.push_back(state.tensor());
  const bool recorded = begin_op<T>("causal_conv1d", inputs);
  ConvSight sight = sight_of(s, options);
  Tape<T>& tape = Tape<T>::local();
  const Variable<T> results[] = {Variable<T>(tape.allocate_output(Shape{s.time, s.batch, s.outputs})),
                                 Variable<T>(tape.allocate_output(Shape{s.before(), s.batch, s.inputs}))};
  const History<const T> in{has_state ? state.tensor()->data : nullptr, x.tensor()->data, s.state_rows(),
                            s.inputs};
  convolve<T>(s, sight, in, *w.tensor(), b ? b.tensor()->data : nullptr, results[0].tensor()->data,
              results[1].tensor()->data);
  if (recorded) {
    const auto node =
        record_op<CausalConvNode<T>>(inputs, results, s, std::move(sight), static_cast<bool>(b), has_state);
    if (AnomalyMode::active())
      for (const Variable<T>& result : results) check_anomaly<T>(*node, *result.tensor());
  }
  return {results[0], results[1]};
}

UNROLL_COMPILE_FUNCTIONS(causal_conv1d)

}  // namespace unroll
