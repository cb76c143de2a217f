#include "unroll/detail/autograd/ops/linear_attention_recorded.hpp"

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll::detail::attention {
namespace {

using namespace recorded;

/// The steps of a call and of its gradient. Arrays of a step are (B, heads, d_k or 1, d_v or 1).
template <class T>
class RecordedSteps {
  using V = Variable<T>;

 public:
  RecordedSteps(LinearAttentionRule rule, double scale, const Indices& lengths, const ByRole<T>& in)
      : rule_(rule), scale_(V(static_cast<T>(scale))), lengths_(lengths), in_(in) {
    const Shape& q = in[q_role].shape();
    steps_ = q[0];
    batch_ = q[1];
    heads_ = q[2];
    key_size_ = q[3];
    value_size_ = in[v_role].shape()[3];
    delta_ = rule == LinearAttentionRule::delta || rule == LinearAttentionRule::gated_delta;
  }

  ByRole<T> slopes(const V& output_slope, const V& state_slope) {
    walk();
    const Shape state{batch_, heads_, key_size_, value_size_};
    V ds = state_slope ? state_slope : V(state, T{0});
    for (index_t t = steps_ - 1; t >= 0; --t) {
      const V d = output_slope ? row(output_slope, t) : V(Shape{batch_, heads_, 1, value_size_}, T{0});
      ds = step_back(t, alive(t, d), ds);
    }
    return collect(ds);
  }

 private:
  /// The values of a step.
  struct Step {
    V q, k, v, decay, beta, a, b;
    V before, decayed, erased, written;  ///< S', D S', S'ᵀ b or v − (D S')ᵀ k, what is written with k
  };

  V along_keys(const V& x, index_t t) const {
    return alive(t, reshape(select(x, 0, t), {batch_, heads_, -1, 1}));
  }
  V row(const V& x, index_t t) const { return reshape(select(x, 0, t), {batch_, heads_, 1, -1}); }
  /// x, but 0 for sequences that have ended.
  V alive(index_t t, const V& x) const {
    if (lengths_.size() == 0) return x;
    V mask(Shape{batch_, 1, 1, 1}, T{0});
    for (index_t r = 0; r < batch_; ++r) mask.mutable_data()[r] = lengths_[r] > t ? T{1} : T{0};
    return where(mask, x, V(T{0}));
  }
  static V over_keys(const V& x) { return sum(x, {2}, {.keepdims = true}); }
  static V over_values(const V& x) { return sum(x, {3}, {.keepdims = true}); }
  bool has(Role role) const { return static_cast<bool>(in_[role]); }

  void walk() {
    V state = has(state_role) ? in_[state_role] : V(Shape{batch_, heads_, key_size_, value_size_}, T{0});
    for (index_t t = 0; t < steps_; ++t) {
      Step s;
      s.q = along_keys(in_[q_role], t);
      s.k = along_keys(in_[k_role], t);
      s.v = alive(t, row(in_[v_role], t));
      s.before = s.decayed = state;
      if (has(decay_role)) {
        s.decay = exp(along_keys(in_[decay_role], t));
        s.decayed = mul(s.decay, state);
      }
      s.written = s.v;
      if (delta_) {
        s.beta = along_keys(in_[beta_role], t);
        s.erased = sub(s.v, over_keys(mul(s.k, s.decayed)));
        s.written = mul(s.beta, s.erased);
      }
      state = add(s.decayed, mul(s.k, s.written));
      if (has(a_role)) {
        s.a = along_keys(in_[a_role], t);
        s.b = along_keys(in_[b_role], t);
        s.erased = over_keys(mul(s.b, s.before));
        state = add(state, mul(s.a, s.erased));
      }
      steps_values_.push_back(s);
      after_.push_back(state);
    }
  }

  void put(Role role, const V& d) { slopes_[role].push_back(d); }

  /// From the gradients of a step's output and new state: those of its arrays, and that of the old state.
  V step_back(index_t t, const V& d0, const V& ds0) {
    const Step& s = steps_values_[static_cast<std::size_t>(t)];
    const V d = mul(scale_, d0);
    V ds = ds0, old, dk, dv;  // old: of S', but for what comes through D S'
    const auto more = [](V& sum, const V& x) { sum = sum ? add(sum, x) : x; };
    if (has(bonus_role)) {
      const V u = reshape(in_[bonus_role], {heads_, key_size_, 1}), with = over_values(mul(s.v, d));
      put(q_role, add(over_values(mul(s.before, d)), mul(mul(u, s.k), with)));
      put(bonus_role, sum(mul(mul(s.q, s.k), with), {0, 3}));
      more(dk, mul(mul(u, s.q), with));
      more(dv, mul(over_keys(mul(mul(u, s.q), s.k)), d));
      more(old, mul(s.q, d));
    } else {
      put(q_role, over_values(mul(after_[static_cast<std::size_t>(t)], d)));
      ds = add(ds, mul(s.q, d));
    }
    more(dk, over_values(mul(ds, s.written)));
    const V written = over_keys(mul(s.k, ds));
    V decayed = ds;
    if (delta_) {
      put(beta_role, over_values(mul(written, s.erased)));
      const V erased = mul(s.beta, written);
      more(dv, erased);
      more(dk, neg(over_values(mul(s.decayed, erased))));
      decayed = sub(ds, mul(s.k, erased));
    } else {
      more(dv, written);
    }
    if (has(a_role)) {
      put(a_role, over_values(mul(ds, s.erased)));
      const V erased = over_keys(mul(s.a, ds));
      put(b_role, over_values(mul(s.before, erased)));
      more(old, mul(s.b, erased));
    }
    put(k_role, dk);
    put(v_role, dv);
    if (!has(decay_role)) {
      more(old, decayed);
      return old;
    }
    const V all = over_values(mul(decayed, s.decayed));
    put(decay_role, in_[decay_role].rank() == 4 ? all : over_keys(all));
    more(old, mul(s.decay, decayed));
    return old;
  }

  ByRole<T> collect(const V& ds) {
    ByRole<T> out;
    for (int k = 0; k < state_role; ++k) {
      const auto role = static_cast<Role>(k);
      if (!has(role)) continue;
      std::vector<V>& steps = slopes_[role];
      if (steps.empty()) {
        out[role] = V(in_[role].shape(), T{0});
      } else if (role == bonus_role) {
        for (const V& d : steps) out[role] = out[role] ? add(out[role], d) : d;
      } else {
        std::vector<V> rows;
        for (index_t t = 0; t < steps_; ++t)
          rows.push_back(alive(t, steps[static_cast<std::size_t>(steps_ - 1 - t)]));
        out[role] = reshape(stack(rows), in_[role].shape());
      }
    }
    if (has(state_role)) out[state_role] = ds;
    return out;
  }

  LinearAttentionRule rule_;
  V scale_;
  Indices lengths_;
  const ByRole<T>& in_;
  index_t steps_, batch_, heads_, key_size_, value_size_;
  bool delta_;
  std::vector<Step> steps_values_;
  std::vector<V> after_;
  std::array<std::vector<V>, roles> slopes_;
};

}  // namespace

template <class T>
ByRole<T> recorded_slopes(LinearAttentionRule rule, double scale, const Indices& lengths,
                          const ByRole<T>& inputs, const Variable<T>& output_slope,
                          const Variable<T>& state_slope) {
  return RecordedSteps<T>(rule, scale, lengths, inputs).slopes(output_slope, state_slope);
}

template <class T>
std::vector<Variable<T>> recorded_step(LinearAttentionRule rule, T scale, const ByRole<T>& in) {
  using V = Variable<T>;
  const Shape &q = in[q_role].shape(), &v = in[v_role].shape();
  const index_t batch = q[1], heads = q[2], key_size = q[3], value_size = v[3];
  const auto column = [&](Role role) { return reshape(in[role], {batch, heads, -1, 1}); };
  const auto row = [&](Role role) { return reshape(in[role], {batch, heads, 1, -1}); };
  const Shape matrix{batch, heads, key_size, value_size};
  const V before = in[state_role] ? in[state_role] : V(matrix, T{0});
  const V decayed = in[decay_role] ? V(exp(column(decay_role)) * before) : before;
  V written = row(v_role);
  if (rule == LinearAttentionRule::delta || rule == LinearAttentionRule::gated_delta)
    written = column(beta_role) * (written - matmul(row(k_role), decayed));
  V state;
  if (in[a_role]) {
    const V erased = matmul(row(b_role), before);
    state = decayed + column(k_role) * written + column(a_role) * erased;
  } else {
    state = decayed + column(k_role) * written;
  }
  V y;
  if (in[bonus_role]) {
    const V with = sum(V(reshape(in[bonus_role], {heads, 1, key_size}) * row(q_role) * row(k_role)), -1,
                       {.keepdims = true});
    y = scale * (matmul(row(q_role), before) + with * row(v_role));
  } else {
    y = scale * matmul(row(q_role), state);
  }
  return {reshape(y, v), state};
}

UNROLL_COMPILE_FUNCTIONS(recorded_slopes)
#define UNROLL_COMPILE_STEP(T) \
  template std::vector<Variable<T>> recorded_step(LinearAttentionRule, T, const ByRole<T>&);
UNROLL_COMPILE_STEP(float)
UNROLL_COMPILE_STEP(double)

}  // namespace unroll::detail::attention
