#include "unroll/autograd/linear_attention.hpp"

#include <doctest/doctest.h>

#include "linear_attention_cell.hpp"
#include "unroll/autograd/gradcheck.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("linear attention: equals the step-by-step recurrence for every rule and chunk") {
  for (AttentionCase<double> c : every_rule()) {
    c.draw(1);
    for (index_t chunk : {1, 2, 3, 7, 64}) equals_recurrence(c, chunk);
  }
}

TEST_CASE("linear attention: equals the recurrence over sub-blocks and chunks that do not divide the steps") {
  for (AttentionCase<double> c : every_rule()) {
    c.steps = 83;
    c.key_size = 20;
    c.value_size = 9;
    c.draw(2);
    for (index_t chunk : {16, 40, 64, 83}) equals_recurrence(c, chunk);
  }
}

TEST_CASE("linear attention: one step, one sequence, one head") {
  for (AttentionCase<double> c : every_rule()) {
    c.steps = c.batch = c.heads = 1;
    c.draw(3);
    equals_recurrence(c, 64);
  }
}

TEST_CASE("linear attention: sequences end at their lengths, and outputs beyond are 0") {
  for (AttentionCase<double> c : every_rule()) {
    c.steps = 37;
    c.batch = 4;
    c.lengths = {37, 0, 5, 20};
    c.draw(4);
    equals_recurrence(c, 16);
  }
}

TEST_CASE("linear attention: no steps give the state back, and its gradient") {
  const auto q = random_parameter({0, 2, 2, 3}, 1), v = random_parameter({0, 2, 2, 4}, 2),
             state = random_parameter({2, 2, 3, 4}, 3);
  const auto run = linear_attention(q, q, v, {.state = state});
  CHECK(run.output.shape() == Shape{0, 2, 2, 4});
  CHECK(list(run.state) == list(state));
  run.state.backward(Variable<double>(state.shape(), 2.0));
  CHECK(gradient_list(state) == std::vector<double>(48, 2.0));
  CHECK(list(linear_attention(q, q, v).state) == std::vector<double>(48, 0.0));
}

TEST_CASE("linear attention: gradients of second order") {
  for (AttentionCase<double> c : every_rule()) {
    c.steps = 3;
    c.heads = 1;
    c.key_size = c.value_size = 2;
    c.lengths = {3, 2};
    c.draw(5);
    INFO("rule " << static_cast<int>(c.rule) << ", keyed " << c.keyed << ", bonus " << c.bonus);
    const auto f = [&](const std::vector<Variable<double>>& in) {
      AttentionCase<double> moved = c;
      std::size_t at = 0;
      auto& x = moved.x;
      for (Variable<double>* one : {&x.q, &x.k, &x.v, &x.decay, &x.beta, &x.a, &x.b, &x.u, &x.state})
        if (*one) *one = in[at++];
      const auto run = moved.chunked(2);
      return concat({reshape(run.output, {-1}), reshape(run.state, {-1})});
    };
    std::vector<Variable<double>> inputs = c.inputs();
    if (c.x.decay) {  // away from 0, where differences would leave the range
      for (index_t i = 0; i < c.x.decay.size(); ++i) c.x.decay.mutable_data()[i] -= 0.1;
    }
    gradcheck(f, inputs);
    gradgradcheck(f, inputs);
  }
}

TEST_CASE("linear attention: a gradient through the output or the state alone") {
  for (AttentionCase<double> c : every_rule()) {
    c.draw(6);
    const auto ours = c.chunked(3), plain = c.plain();
    for (bool through_state : {false, true}) {
      const auto of = [&](const auto& run) { return through_state ? run.state : run.output; };
      const auto seed = random_parameter(of(ours).shape(), 7).detach();
      const auto a = grad<double>({of(ours)}, c.inputs(), {.retain_graph = true}, {seed});
      const auto b = grad<double>({of(plain)}, c.inputs(), {.retain_graph = true}, {seed});
      for (std::size_t i = 0; i < a.size(); ++i)
        CHECK(relative_distance(list(a[i]), list(b[i])) < 1e-11);  // as above
    }
  }
}

TEST_CASE("linear attention: one array in several places, and views with gaps") {
  const auto x = random_parameter({6, 2, 2, 5}, 14, -0.5, 0.5),
             y = random_parameter({6, 2, 4, 3}, 15, -0.5, 0.5);
  const auto f = [&](const auto& in) {
    const auto part = slice(in[0], 3, 1, 4), other = slice(in[1], 2, 1, 3);
    const auto one = linear_attention(part, part, part, {.rule = LinearAttentionRule::linear, .chunk = 4});
    return linear_attention(one.output, other, part,
                            {.decay = -square(other), .rule = LinearAttentionRule::gated, .chunk = 4})
        .output;
  };
  gradcheck(f, {x, y});
}
