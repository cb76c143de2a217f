#include <doctest/doctest.h>

#include "golden_linear_attention.hpp"
#include "linear_attention_cell.hpp"
#include "unroll/autograd/permute.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using GoldenRule = LinearAttentionRule;
using GoldenOptions = LinearAttentionOptions<double>;

/// The arrays of one case as parameters, of one sequence and one head.
class GoldenCase {
 public:
  GoldenCase(GoldenArrays arrays, std::string output)
      : arrays_(std::move(arrays)), output_(std::move(output)) {}
  /// (T, 1, 1, columns), or with no columns (T, 1, 1).
  Variable<double> series(const std::string& name, index_t steps, index_t columns) {
    return leaf(name, columns ? Shape{steps, 1, 1, columns} : Shape{steps, 1, 1});
  }
  Variable<double> leaf(const std::string& name, const Shape& shape) {
    return leaves_[name] = values(shape, arrays_.at(name));
  }
  bool has(const std::string& name) const { return arrays_.count(name) > 0; }

  /// Whether values and gradients are those of the reference, which the same formulas reproduce to some 1e-15.
  void check(const Variable<double>& output, const Variable<double>& state, const std::string& state_name) {
    CHECK(relative_distance(list(output), arrays_.at(output_)) < 1e-13);
    Variable<double> loss = sum(output * weights("w_" + output_, output.shape()));
    if (has(state_name)) {
      CHECK(relative_distance(list(state), arrays_.at(state_name)) < 1e-13);
      loss = loss + sum(state * weights("w_" + state_name, state.shape()));
    }
    loss.backward();
    for (auto& [name, x] : leaves_) {
      CAPTURE(name);
      if (has("d_" + name)) CHECK(relative_distance(gradient_list(x), arrays_.at("d_" + name)) < 1e-11);
    }
  }

 private:
  Variable<double> weights(const std::string& name, const Shape& shape) {
    return values(shape, arrays_.at(name)).detach();
  }

  GoldenArrays arrays_;
  std::map<std::string, Variable<double>> leaves_;
  std::string output_;
};

/// The sizes of a case, and the operands that most have.
struct Operands {
  index_t steps, keys, value_columns;
};

void check_usual(GoldenArrays arrays, const Operands& size, GoldenRule rule, const std::string& decay,
                 bool keyed, GoldenOptions options = {}) {
  GoldenCase c(std::move(arrays), "o");
  const auto q = c.series("q", size.steps, size.keys), k = c.series("k", size.steps, size.keys);
  const auto v = c.series("v", size.steps, size.value_columns);
  options.rule = rule;
  options.chunk = 4;
  if (!decay.empty()) options.decay = c.series(decay, size.steps, keyed ? size.keys : 0);
  if (c.has("beta")) options.beta = c.series("beta", size.steps, 0);
  if (c.has("u")) options.bonus = c.leaf("u", {1, size.keys});
  if (c.has("initial_state")) options.state = c.leaf("initial_state", {1, 1, size.keys, size.value_columns});
  const auto run = linear_attention(q, k, v, options);
  c.check(run.output, run.state, "final_state");
}

}  // namespace

TEST_CASE("linear attention: equals the authors' linear attention") {
  check_usual(golden_linear_attention(), {9, 4, 3}, GoldenRule::linear, "", false);
}

TEST_CASE("linear attention: equals the authors' decay by a number") {
  check_usual(golden_simple_gla(), {10, 4, 3}, GoldenRule::gated, "g", false);
}

TEST_CASE("linear attention: equals the authors' RetNet") {
  const double second_head = std::log1p(-std::exp2(-6.0));
  check_usual(golden_retnet(), {7, 3, 4}, GoldenRule::gated, "", false,
              {.decay = Variable<double>({7, 1, 1}, second_head)});
}

TEST_CASE("linear attention: equals the authors' GLA") {
  check_usual(golden_gla(), {9, 4, 3}, GoldenRule::gated, "gk", true);
}

TEST_CASE("linear attention: equals the authors' HGRN2") {
  GoldenCase c(golden_hgrn2(), "o");
  const auto q = c.series("q_pre", 9, 4), f = c.series("f_pre", 9, 4), v = c.series("v", 9, 3),
             low = c.leaf("lower_bound", {4});
  const auto state = c.leaf("initial_state", {1, 1, 4, 3});
  const Variable<double> forget = low + (1.0 - low) * sigmoid(f);
  const auto run =
      linear_attention(q * sigmoid(q), 1.0 - forget, v,
                       {.decay = log(forget), .state = state, .rule = GoldenRule::gated, .chunk = 4});
  c.check(run.output, run.state, "final_state");
}

TEST_CASE("linear attention: equals the authors' delta rule") {
  check_usual(golden_delta_rule(), {7, 4, 3}, GoldenRule::delta, "", false);
}

TEST_CASE("linear attention: equals the authors' gated delta rule") {
  check_usual(golden_gated_delta_rule(), {7, 4, 3}, GoldenRule::gated_delta, "g", false);
}

TEST_CASE("linear attention: equals the authors' KDA") {
  check_usual(golden_kda(), {7, 4, 3}, GoldenRule::gated_delta, "g", true);
}

TEST_CASE("linear attention: equals the authors' RWKV-6") {
  check_usual(golden_rwkv6(), {7, 4, 3}, GoldenRule::gated, "w", true, {.scale = 1});
}

TEST_CASE("linear attention: equals the authors' RWKV-7") {
  GoldenCase c(golden_rwkv7(), "o");
  const auto r = c.series("r", 7, 4), k = c.series("k", 7, 4), v = c.series("v", 7, 3),
             kk = c.series("kk", 7, 4);
  const auto a = c.series("a", 7, 4), w = c.series("w", 7, 4), state = c.leaf("initial_state", {1, 1, 4, 3});
  const auto run = linear_attention(r, k, v,
                                    {.decay = w,
                                     .a = -kk * a,
                                     .b = kk,
                                     .scale = 1,
                                     .state = state,
                                     .rule = GoldenRule::rank_one,
                                     .chunk = 4});
  c.check(run.output, run.state, "final_state");
}

TEST_CASE("linear attention: equals the authors' Mamba-2") {
  GoldenCase c(golden_mamba2(), "y");
  const auto x = c.series("x", 6, 3), dt = c.series("dt", 6, 0), a = c.leaf("A", {1}),
             state = c.leaf("initial_states", {3, 3});
  const auto from = reshape(transpose(state, 0, 1), {1, 1, 3, 3});  // theirs has the value axis first
  const auto run =
      linear_attention(c.series("C", 6, 3), c.series("B", 6, 3), x * reshape(dt, {6, 1, 1, 1}),
                       {.decay = dt * a, .scale = 1, .state = from, .rule = GoldenRule::gated, .chunk = 4});
  c.check(run.output, transpose(run.state, -2, -1), "state");
}
