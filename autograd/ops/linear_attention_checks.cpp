#include "unroll/detail/autograd/ops/linear_attention_checks.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/ops/linear_attention_chunk.hpp"

namespace unroll::detail::attention {
namespace {

constexpr const char* role_names[roles] = {"q", "k", "v", "decay", "beta", "a", "b", "bonus", "state"};
constexpr const char* name_of(Rule rule) {
  constexpr const char* names[] = {"linear", "gated", "delta", "gated_delta", "rank_one"};
  return names[static_cast<std::size_t>(rule)];
}

/// What a rule takes, and whether it must have it.
void check_presence(Rule rule, Role role, bool given, bool taken, bool needed) {
  if (given && !taken)
    raise<UsageError>("linear_attention: the rule {} has no {}; choose another rule, or leave it out",
                      name_of(rule), role_names[role]);
  if (!given && needed)
    raise<UsageError>("linear_attention: the rule {} needs {}", name_of(rule), role_names[role]);
}

template <class T>
void check_rule(const LinearAttentionOptions<T>& o) {
  const bool delta = is_delta(o.rule), gated = decays_of(o.rule), rank_one = o.rule == Rule::rank_one;
  check_presence(o.rule, decay_role, static_cast<bool>(o.decay), gated, gated && !rank_one);
  check_presence(o.rule, beta_role, static_cast<bool>(o.beta), delta, delta);
  check_presence(o.rule, a_role, static_cast<bool>(o.a), rank_one, rank_one);
  check_presence(o.rule, b_role, static_cast<bool>(o.b), rank_one, rank_one);
  check_presence(o.rule, bonus_role, static_cast<bool>(o.bonus), !delta, false);
  if (o.chunk < 1) raise<UsageError>("linear_attention: need a chunk of 1 or more steps; got {}", o.chunk);
}

template <class T>
void check_shape(Role role, const Variable<T>& x, const Shape& shape, const Shape& q) {
  if (!x || x.shape() == shape) return;
  raise<ShapeError>("linear_attention: need {} {} for q {}; got {}", role_names[role], shape.str(), q.str(),
                    x.shape().str());
}

template <class T>
void check_shapes(const ByRole<T>& in) {
  const Shape &q = in[q_role].shape(), &v = in[v_role].shape();
  if (q.rank() != 4 || !(in[k_role].shape() == q) || v.rank() != 4 || !(v.with(3, 1) == q.with(3, 1))) {
    raise<ShapeError>(
        "linear_attention: need q and k (T, B, heads, d_k), v (T, B, heads, d_v); got q {}, k {}, v {}",
        q.str(), in[k_role].shape().str(), v.str());
  }
  const Shape of_heads = q.without(3);
  if (in[decay_role] && !(in[decay_role].shape() == of_heads) && !(in[decay_role].shape() == q)) {
    raise<ShapeError>("linear_attention: need decay {} or {} for q {}; got {}", of_heads.str(), q.str(),
                      q.str(), in[decay_role].shape().str());
  }
  check_shape(beta_role, in[beta_role], of_heads, q);
  check_shape(a_role, in[a_role], q, q);
  check_shape(b_role, in[b_role], q, q);
  check_shape(bonus_role, in[bonus_role], Shape{q[2], q[3]}, q);
  check_shape(state_role, in[state_role], Shape{q[1], q[2], q[3], v[3]}, q);
}

void check_attention_lengths(const Indices& lengths, const Shape& q) {
  if (lengths.size() == 0 && q[1] > 0 && lengths.shape() == Shape{0}) return;
  if (!(lengths.shape() == Shape{q[1]})) {
    raise<ShapeError>("linear_attention: need a length for each of {} sequences; got lengths {}", q[1],
                      lengths.shape().str());
  }
  for (index_t r = 0; r < lengths.size(); ++r) {
    if (lengths[r] < 0 || lengths[r] > q[0])
      raise<IndexError>(
          "linear_attention: need lengths from 0 to {}, the number of time steps; sequence {} has {}", q[0],
          r, lengths[r]);
  }
}

}  // namespace

template <class T>
void check_decay(const Variable<T>& decay) {
  const T* const x = decay.tensor()->data;
  for (index_t i = 0; i < decay.size(); ++i) {
    if (x[i] > T{0})
      raise<UsageError>(
          "linear_attention: need decay ≤ 0, the logarithm of a factor; element {} is {}; {{.growth = true}} "
          "allows it",
          i, x[i]);
  }
}

template <class T>
void check_call(const ByRole<T>& in, const LinearAttentionOptions<T>& options) {
  for (std::size_t i = 0; i < 3; ++i)
    if (!in[i]) fail_empty("linear_attention", i);
  check_rule(options);
  check_shapes(in);
  check_attention_lengths(options.lengths, in[q_role].shape());
}

UNROLL_COMPILE_FUNCTIONS(check_call, check_decay)

}  // namespace unroll::detail::attention
