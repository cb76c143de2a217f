#include "cell_checks.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class F>
ElmanCell<double, F> elman(F phi, bool bias = true) {
  ElmanCell<double, F> cell(3, 4, bias, default_generator(), phi);
  scatter(cell, 1);
  return cell;
}

// h' = φ(W_ih x + b_ih + W_hh h + b_hh) on plain numbers.
auto plain_elman(const auto& cell, auto phi) {
  return [&cell, phi](const Vec& x, std::vector<Vec>& s) {
    s[0] = plus(affine(cell.weight_ih, x, cell.bias_ih), affine(cell.weight_hh, s[0], cell.bias_hh));
    for (double& v : s[0]) v = phi(v);
  };
}

double leak(double x) { return x > 0 ? x : 0.2 * x; }

}  // namespace

TEST_CASE("elman: two steps equal the hand computation with tanh, relu, leaky relu and sigmoid") {
  const auto check = [](const auto& cell, auto phi) { equals_plain(cell, plain_elman(cell, phi)); };
  check(elman(Tanh{}), [](double x) { return std::tanh(x); });
  check(elman(Relu{}), [](double x) { return x > 0 ? x : 0; });
  check(elman(LeakyRelu{0.2}), leak);
  check(elman(Sigmoid{}), sigma);
  check(elman(Tanh{}, false), [](double x) { return std::tanh(x); });
}

TEST_CASE("elman: any function of a Variable may be the activation, with values of its own") {
  const double slope = 0.7;
  const auto swish = [slope](const V& x) { return x * sigmoid(slope * x); };
  const auto cell = elman(swish);
  equals_plain(cell, plain_elman(cell, [](double x) { return x * sigma(0.7 * x); }));
  gradients_pass(cell);
  Elman<double, decltype(swish)> layer(3, 4, swish, {.num_layers = 2});
  stack_passes(layer, 3);
  const std::function<V(const V&)> chosen = [](const V& x) -> V { return sin(x); };
  equals_plain(elman(chosen), [&, cell = elman(chosen)](const Vec& x, std::vector<Vec>& s) {
    plain_elman(cell, [](double a) { return std::sin(a); })(x, s);
  });
}

TEST_CASE("elman: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(elman(Tanh{}));
  gradients_pass(elman(Relu{}));
  gradients_pass(elman(LeakyRelu{0.2}));
  gradients_pass(elman(Tanh{}, false));
}

TEST_CASE("elman: second-order gradients pass the check") { second_order_passes(elman(Tanh{})); }

TEST_CASE("elman: gradients of three layers pass the check, in both directions too") {
  stack_passes(Elman<double>(2, 3, {.num_layers = 3}), 2);
  stack_passes(Elman<double, LeakyRelu>(2, 3, {.num_layers = 3, .bidirectional = true}), 2);
}

TEST_CASE("elman: the parameters are PyTorch's, and the layer without template arguments is float") {
  CHECK(names(ElmanCell<double>(3, 4)) == "weight_ih(4, 3) weight_hh(4, 4) bias_ih(4,) bias_hh(4,)");
  CHECK(names(Elman<double>(3, 4, {.bias = false, .bidirectional = true})) ==
        "weight_ih_l0(4, 3) weight_hh_l0(4, 4) weight_ih_l0_reverse(4, 3) weight_hh_l0_reverse(4, 4)");
  Elman plain(3, 4, {.num_layers = 2});
  Elman leaky(3, 4, LeakyRelu{0.1}, {.num_layers = 2});
  static_assert(std::is_same_v<decltype(plain), Elman<float, Tanh>>);
  static_assert(std::is_same_v<decltype(leaky), Elman<float, LeakyRelu>>);
  CHECK(leaky.cell(1).activation.slope == 0.1);
}

TEST_CASE("elman: wrong shapes and sizes are named") {
  errors_are_named(Elman<double>(3, 4));
  CHECK(message_of<ShapeError>([] { ElmanCell<double>(0, 4); }) == "cell: need input from 1 to 2^40; got 0");
  CHECK(message_of<ShapeError>([] { ElmanCell<double>(3, -1); }) ==
        "cell: need hidden from 1 to 2^40; got -1");
}

TEST_CASE(
    "irnn: begins as the identity, with small input weights and no bias, in every layer and direction") {
  Generator rng(5);
  Irnn<double> irnn(40, 30, {.num_layers = 2, .bidirectional = true}, rng);
  for (int k = 0; k < 4; ++k) {
    const auto& cell = irnn.cell(k / 2, k % 2);
    CHECK(xt::allclose(cell.weight_hh.value(), xt::eye<double>(30), 0, 0));
    CHECK(xt::all(xt::equal(cell.bias_ih.value() + cell.bias_hh.value(), 0.0)));
    const double spread = xt::sqrt(xt::mean(xt::square(cell.weight_ih.value())))();
    CHECK(spread == doctest::Approx(0.001).epsilon(0.1));  // 1,200 draws: a deviation of 2 %
  }
  CHECK(parameters(Irnn<double>(3, 4, {.bias = false})).size() == 2);
  // What is not negative is handed on unchanged where nothing comes in.
  const V h0({1, 1, 4}, 0.25);
  const auto [y, h] = Irnn<double>(3, 4)(V({50, 1, 3}, 0.0), h0);
  CHECK(distance(list(h), list(h0)) == 0);
}

TEST_CASE("irnn: gradients of three layers pass the check") {
  stack_passes(Irnn<double>(2, 3, {.num_layers = 3}), 2);
}

TEST_CASE("recurrent: a function that makes cells gives a layer of any cell") {
  Recurrent net(3, [](index_t input) { return LstmCell<double>(input, 4, false); },
                {.num_layers = 2, .bidirectional = true});
  static_assert(std::is_same_v<decltype(net), Recurrent<LstmCell<double>>>);
  CHECK(net.output_size() == 4);
  CHECK(parameters(net).size() == 8);
  CHECK(net(V({5, 2, 3}, 0.1)).output.shape() == Shape{5, 2, 8});
}
