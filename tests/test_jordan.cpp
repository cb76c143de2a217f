#include "cell_checks.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/teacher_forcing.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

JordanCell<double> jordan_cell(bool bias = true) {
  JordanCell<double> cell(3, 4, 2, bias);
  scatter(cell, 1);
  return cell;
}

// h = tanh(W_ih x + b_h + W_oh y), y' = W_ho h + b_o on plain numbers.
auto plain_jordan(const JordanCell<double>& cell) {
  return [&cell](const Vec& x, std::vector<Vec>& s) {
    Vec h = plus(affine(cell.weight_ih, x, cell.bias_h), affine(cell.weight_oh, s[0]));
    for (double& v : h) v = std::tanh(v);
    s[0] = affine(cell.weight_ho, h, cell.bias_o);
  };
}

// Teacher forcing as a loop: each step from the target of the step before.
V by_steps(const auto& cell, const V& xs, const V& targets, const V& y0) {
  std::vector<V> ys;
  const V projected = cell.project(xs);
  for (index_t t = 0; t < xs.shape()[0]; ++t)
    ys.push_back(cell.step(select(projected, 0, t), t == 0 ? y0 : select(targets, 0, t - 1)));
  return stack(ys);
}

}  // namespace

TEST_CASE("jordan: two steps equal the hand computation") {
  for (const bool bias : {true, false}) {
    const auto cell = jordan_cell(bias);
    equals_plain(cell, plain_jordan(cell));
  }
}

TEST_CASE("jordan: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(jordan_cell());
  gradients_pass(jordan_cell(false));
}

TEST_CASE("jordan: second-order gradients pass the check") { second_order_passes(jordan_cell()); }

TEST_CASE("jordan: gradients of three layers pass the check, and layers have the output's size") {
  Jordan<double> jordan(2, 4, 3, {.num_layers = 3, .bidirectional = true});
  stack_passes(jordan, 2);
  CHECK(jordan.hidden_size() == 4);
  CHECK(jordan.output_size() == 3);
  const auto [y, last] = jordan(V({5, 2, 2}, 0.1));
  CHECK(y.shape() == Shape{5, 2, 6});
  CHECK(last.shape() == Shape{6, 2, 3});
}

TEST_CASE("jordan: parameters have names that tell from where to where") {
  CHECK(names(Jordan<double>(3, 4, 2)) ==
        "weight_ih_l0(4, 3) weight_oh_l0(4, 2) weight_ho_l0(2, 4) bias_h_l0(4,) bias_o_l0(2,)");
}

TEST_CASE("jordan: wrong shapes and sizes are named") {
  errors_are_named(Jordan<double>(3, 4, 2));
  CHECK(message_of<ShapeError>([] { JordanCell<double>(3, 4, 0); }) ==
        "cell: need output from 1 to 2^40; got 0");
}

TEST_CASE("teacher forcing: equals steps that are each fed the target before, values and gradients") {
  const auto cell = jordan_cell();
  for (const index_t steps : {1, 4}) {
    const V x = random_parameter({steps, 2, 3}, 3), targets = random_parameter({steps, 2, 2}, 4),
            y0 = random_parameter({2, 2}, 5), weights = random_parameter({steps, 2, 2}, 6).detach();
    const V y = teacher_forced(cell, x, targets, y0), z = by_steps(cell, x, targets, y0);
    CHECK(distance(list(y), list(z)) < 1e-14);  // products of other shapes: the last bit may differ
    std::vector<V> inputs = leaves(cell);
    inputs.insert(inputs.end(), {x, y0, targets});
    const auto a = grad<double>({sum(y * weights)}, inputs), b = grad<double>({sum(z * weights)}, inputs);
    for (std::size_t k = 0; k < a.size(); ++k) CHECK(distance(list(a[k]), list(b[k])) < 1e-13);
    gradcheck([&](const auto&) { return teacher_forced(cell, x, targets, y0); }, inputs, {.full = true});
  }
}

TEST_CASE("teacher forcing: no gradient flows through time, where the free-running cell has one") {
  const auto cell = jordan_cell();
  const V x = random_parameter({3, 2, 3}, 3), targets = random_parameter({3, 2, 2}, 4).detach(),
          y0({2, 2}, 0.1);
  const auto first_input = [&](const V& y) { return list(select(grad(V(sum(select(y, 0, 2))), x), 0, 0)); };
  const Vec forced = first_input(teacher_forced(cell, x, targets, y0));
  const Vec free = first_input(scan(cell, x, y0).output);
  CHECK(distance(forced, Vec(6, 0.0)) == 0);
  CHECK(distance(free, Vec(6, 0.0)) > 1e-3);
}

TEST_CASE("teacher forcing: with the cell's own outputs as targets it is the free run") {
  const auto cell = jordan_cell();
  const V x = random_parameter({5, 2, 3}, 3), y0 = random_parameter({2, 2}, 5);
  const V y = scan(cell, x, y0).output;
  CHECK(distance(list(teacher_forced(cell, x, y.detach(), y0)), list(y)) < 1e-13);  // a few roundings a step
}

TEST_CASE("teacher forcing: a lambda will do, and what does not fit is named") {
  const auto lambda = [](const V& x, const V& y) -> V { return x - 2.0 * y; };
  const V x = values({2, 1, 1}, {5, 7}), targets = values({2, 1, 1}, {3, 9}), y0 = values({1, 1}, {1});
  CHECK(list(teacher_forced(lambda, x, targets, y0)) == Vec{3, 1});
  CHECK(message_of<ShapeError>([&] {
          teacher_forced(lambda, x, V({3, 1, 1}, 0.0), y0);
        }) == "teacher_forced: need targets (2, …) and y0 as one of them; got (3, 1, 1) and (1, 1)");
  CHECK_THROWS_AS(teacher_forced(lambda, x, targets, V({2, 1}, 0.0)), ShapeError);
  CHECK_THROWS_AS(teacher_forced(lambda, x, targets, V()), UsageError);
  CHECK_THROWS_AS(teacher_forced(lambda, V({0, 1, 1}, 0.0), targets, y0), UsageError);
}
