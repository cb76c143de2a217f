#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/rwkv7.hpp"

namespace unroll {
namespace {

/// What a step needs of its input and of the one before: gate (…, H), the others (…, heads, d).
template <class T>
struct Rwkv7Inputs {
  Variable<T> r, decay, k, v, kappa, a, gate;
};

/// (…, H) → (…, heads, H / heads)
template <class T>
Variable<T> split_heads(const Variable<T>& x, index_t heads) {
  const Shape& s = x.shape();
  const int last = s.rank() - 1;
  return reshape(x, s.with(last, heads).inserted(last + 1, s[last] / heads));
}
/// The inverse.
template <class T>
Variable<T> join_heads(const Variable<T>& x) {
  const Shape& s = x.shape();
  const int last = s.rank() - 1;
  return reshape(x, s.without(last).with(last - 1, s[last - 1] * s[last]));
}

/// x + (x' − x) ⊙ μ
template <class T>
Variable<T> shifted(const Variable<T>& x, const Variable<T>& before, const Variable<T>& mu) {
  return x + (before - x) * mu;
}

/// x' of one step, or with options of all, and the last x.
template <class T>
Scanned<T, Variable<T>> input_before(const Variable<T>& x, const Variable<T>& state,
                                     const RecurrenceOptions* options) {
  if (!options) return {state, x};
  return detail::token_shift(x, state, *options);
}

template <class T>
Rwkv7Inputs<T> inputs_of(const Rwkv7Cell<T>& cell, const Variable<T>& x, const Variable<T>& before,
                         const Variable<T>& first, Variable<T>& own_value) {
  const auto mixed = [&](index_t branch) { return shifted(x, before, select(cell.mix, 0, branch)); };
  const auto by_heads = [&](const Variable<T>& y) { return split_heads(y, cell.heads()); };
  const Variable<T> x_r = mixed(0), x_w = mixed(1), x_k = mixed(2), x_v = mixed(3), x_a = mixed(4),
                    x_g = mixed(5);
  const Variable<T> key = linear(x_k, cell.weight_k);
  const Variable<T> rate = sigmoid(cell.linear_rate(linear(x_a, cell.weight_rate)));
  const Variable<T> decay =
      -0.6065306597126334 * sigmoid(cell.linear_decay(tanh(linear(x_w, cell.weight_decay))));  // e^(−½)
  Variable<T> v = own_value = linear(x_v, cell.weight_v);
  if (cell.weight_value) v = v + (first - v) * sigmoid(cell.linear_value(linear(x_v, cell.weight_value)));
  return {by_heads(linear(x_r, cell.weight_r)),
          by_heads(decay),
          by_heads(key * (1.0 + (rate - 1.0) * cell.key_rate)),
          by_heads(v),
          l2_normalise(by_heads(key * cell.key_direction)),
          by_heads(rate),
          cell.linear_gate(sigmoid(linear(x_g, cell.weight_gate)))};
}

/// S' and o of one step.
template <class T>
LinearAttention<T> next_matrices(const Rwkv7Inputs<T>& in, const Variable<T>& s) {
  const auto upright = [](const Variable<T>& c) { return reshape(c, c.shape().inserted(3, 1)); };
  const auto level = [](const Variable<T>& c) { return reshape(c, c.shape().inserted(2, 1)); };
  const Variable<T> kappa = upright(in.kappa), a = upright(in.a), k = upright(in.k), v = level(in.v);
  const Variable<T> held = sum(kappa * s, {2}, {.keepdims = true});
  const Variable<T> next = exp(upright(in.decay)) * s - kappa * a * held + k * v;
  return {sum(upright(in.r) * next, {2}), next};
}

/// The same of all steps. Where a sequence begins, κ reads nothing of the one before.
template <class T>
LinearAttention<T> all_matrices(const Rwkv7Inputs<T>& in, const Variable<T>& s, const RecurrenceOptions& o) {
  return linear_attention(in.r, in.k, in.v,
                          {.decay = detail::decay_with_resets(in.decay, o.resets),
                           .a = in.kappa * in.a,
                           .b = detail::with_value_at_resets(Variable<T>(-in.kappa), o.resets, T{0}),
                           .scale = 1,
                           .state = s,
                           .rule = LinearAttentionRule::rank_one,
                           .lengths = o.lengths});
}

}  // namespace

template <class T>
Rwkv7Mixed<T> Rwkv7Cell<T>::mixing(const Variable<T>& x, const Variable<T>& first, const State& state,
                                   const RecurrenceOptions* options) const {
  auto [before, last] = input_before(x, state.shift, options);
  Variable<T> value;
  const auto in = inputs_of(*this, x, before, first, value);
  auto [o, s] = options ? all_matrices(in, state.s, *options) : next_matrices(in, state.s);
  const Variable<T> weight = sum(in.r * in.k * bonus, {-1}, {.keepdims = true});
  const Variable<T> read = (norm(join_heads(o)) + join_heads(Variable<T>(weight * in.v))) * in.gate;
  return {linear(read, weight_out), std::move(value), {{}, std::move(s), std::move(last)}};
}

template <class T>
Variable<T> Rwkv7StackCell<T>::run(const Variable<T>& xs, State& state,
                                   const RecurrenceOptions* options) const {
  Variable<T> x = norm_in(weight_in ? Variable<T>(linear(xs, weight_in)) : xs), first;
  for (std::size_t k = 0; k < blocks.size(); ++k) {
    const Rwkv7Block<T>& block = blocks[k];
    Rwkv7BlockState<T>& s = state.blocks[k];
    auto [mixed, value, after] =
        block.time.mixing(block.norm_time(x), first, {{}, s.s, s.shift_time}, options);
    if (k == 0) first = value;
    x = x + dropout(mixed);
    const Variable<T> n = block.norm_channel(x);
    auto [before, last] = input_before(n, s.shift_channel, options);
    const Variable<T> up = square(relu(linear(shifted(n, before, block.mix_channel), block.weight_up)));
    x = x + dropout(linear(up, block.weight_down));
    s = {std::move(after.s), std::move(after.shift), std::move(last)};
  }
  return norm_out(x);
}

#define UNROLL_COMPILE_RWKV7(T)                                                                     \
  template Rwkv7Mixed<T> Rwkv7Cell<T>::mixing(const Variable<T>&, const Variable<T>&, const State&, \
                                              const RecurrenceOptions*) const;                      \
  template Variable<T> Rwkv7StackCell<T>::run(const Variable<T>&, State&, const RecurrenceOptions*) const;
UNROLL_COMPILE_RWKV7(float)
UNROLL_COMPILE_RWKV7(double)

}  // namespace unroll
