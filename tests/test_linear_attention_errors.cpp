#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/linear_attention.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using AttentionRule = LinearAttentionRule;
using V = Variable<double>;

V attention_array(const Shape& shape) { return V(shape, -0.5); }
V keys() { return attention_array({5, 2, 3, 4}); }
V wider() { return attention_array({5, 2, 3, 6}); }
V of_heads() { return attention_array({5, 2, 3}); }

template <class E>
std::string attention_error(const LinearAttentionOptions<double>& options, const V& key = keys(),
                            const V& value = wider()) {
  return message_of<E>([&] { linear_attention(keys(), key, value, options); });
}

}  // namespace

TEST_CASE("linear attention: operands that do not fit are named") {
  CHECK(attention_error<ShapeError>({}, attention_array({5, 2, 1, 4})) ==
        "linear_attention: need q and k (T, B, heads, d_k), v (T, B, heads, d_v); got q (5, 2, 3, 4), k (5, "
        "2, 1, 4), v (5, 2, 3, 6)");
  CHECK(attention_error<ShapeError>({}, keys(), attention_array({5, 1, 3, 6})) ==
        "linear_attention: need q and k (T, B, heads, d_k), v (T, B, heads, d_v); got q (5, 2, 3, 4), k (5, "
        "2, 3, 4), v (5, 1, 3, 6)");
  CHECK(attention_error<ShapeError>({.decay = wider(), .rule = AttentionRule::gated}) ==
        "linear_attention: need decay (5, 2, 3) or (5, 2, 3, 4) for q (5, 2, 3, 4); got (5, 2, 3, 6)");
  CHECK(attention_error<ShapeError>({.beta = keys(), .rule = AttentionRule::delta}) ==
        "linear_attention: need beta (5, 2, 3) for q (5, 2, 3, 4); got (5, 2, 3, 4)");
  CHECK(attention_error<ShapeError>({.a = keys(), .b = wider(), .rule = AttentionRule::rank_one}) ==
        "linear_attention: need b (5, 2, 3, 4) for q (5, 2, 3, 4); got (5, 2, 3, 6)");
  CHECK(attention_error<ShapeError>({.bonus = of_heads()}) ==
        "linear_attention: need bonus (3, 4) for q (5, 2, 3, 4); got (5, 2, 3)");
  CHECK(attention_error<ShapeError>({.state = keys()}) ==
        "linear_attention: need state (2, 3, 4, 6) for q (5, 2, 3, 4); got (5, 2, 3, 4)");
  CHECK(message_of<UsageError>([] { linear_attention(V(), keys(), keys()); }) ==
        "linear_attention: argument 1 is an empty Variable; assign a value to it first");
}

TEST_CASE("linear attention: what a rule lacks or has no use for is named") {
  CHECK(attention_error<UsageError>({.rule = AttentionRule::gated}) ==
        "linear_attention: the rule gated needs decay");
  CHECK(attention_error<UsageError>({.rule = AttentionRule::delta}) ==
        "linear_attention: the rule delta needs beta");
  CHECK(attention_error<UsageError>({.a = keys(), .rule = AttentionRule::rank_one}) ==
        "linear_attention: the rule rank_one needs b");
  CHECK(attention_error<UsageError>({.decay = of_heads()}) ==
        "linear_attention: the rule linear has no decay; choose another rule, or leave it out");
  CHECK(attention_error<UsageError>({.beta = of_heads(), .bonus = keys(), .rule = AttentionRule::delta}) ==
        "linear_attention: the rule delta has no bonus; choose another rule, or leave it out");
}

TEST_CASE("linear attention: a wrong chunk, length or decay is named") {
  for (index_t chunk : {0, -1}) {
    CHECK(attention_error<UsageError>({.chunk = chunk}) ==
          "linear_attention: need a chunk of 1 or more steps; got " + std::to_string(chunk));
  }
  CHECK(attention_error<ShapeError>({.lengths = {1, 2, 3}}) ==
        "linear_attention: need a length for each of 2 sequences; got lengths (3,)");
  CHECK(attention_error<IndexError>({.lengths = {1, 6}}) ==
        "linear_attention: need lengths from 0 to 5, the number of time steps; sequence 1 has 6");
  V growing = V({5, 2, 3}, 0.0);
  growing.mutable_data()[7] = 0.25;
  CHECK(attention_error<UsageError>({.decay = growing, .rule = AttentionRule::gated}) ==
        "linear_attention: need decay ≤ 0, the logarithm of a factor; element 7 is 0.25; {.growth = true} "
        "allows it");
  CHECK(attention_error<UsageError>({.decay = growing, .rule = AttentionRule::gated, .growth = true}) ==
        "nothing thrown");
}
