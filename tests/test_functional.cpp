#include "unroll/autograd/functional.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/custom.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/xtensor.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;
using V = Variable<double>;
using Vs = std::vector<V>;

namespace {

constexpr double rounding = 1e-13;  // some roundings of numbers of the order of 1

// (1 − a)² + 100 (b − a²)²
V rosenbrock(const V& x) {
  const V a = select(x, 0, 0), b = select(x, 0, 1);
  return square(1.0 - a) + 100.0 * square(b - square(a));
}

V column(const V& x) { return reshape(x, {x.size(), 1}); }

// xᵀ A x
V quadratic(const V& a, const V& x) { return sum(column(x) * matmul(a, column(x))); }

double dot(const V& a, const V& b) { return sum(a * b).item(); }

/// Two stacked LSTM layers from states that are not zero, as a function of all they depend on.
struct StackedLstm {
  Generator rng{5};
  Lstm<double> lstm{2, 3, {.num_layers = 2}, rng};
  V x = random_parameter({3, 2, 2}, 1), h0 = random_parameter({2, 2, 3}, 2),
    c0 = random_parameter({2, 2, 3}, 3);
  Vs operator()(const Vs&) const {
    const auto [y, s] = lstm(x, {h0, c0});
    return {y, s.c};
  }
  Vs inputs() {
    Vs all{x, h0, c0};
    for (const auto& p : parameters(lstm)) all.push_back(p.variable);
    return all;
  }
};

}  // namespace

TEST_CASE("vjp, jvp: of a product of matrices, by the rule of Leibniz") {
  const V a = random_parameter({2, 3}, 1), b = random_parameter({3, 4}, 2), v = random_parameter({2, 4}, 3);
  const V da = random_parameter({2, 3}, 4), db = random_parameter({3, 4}, 5);
  const auto f = [](const Vs& in) { return matmul(in[0], in[1]); };
  const auto back = vjp(f, Vs{a, b}, {v});
  CHECK(list(back.values[0]) == list(matmul(a, b)));
  CHECK(distance(list(back.products[0]), list(matmul(v, transpose(b)))) < rounding);
  CHECK(distance(list(back.products[1]), list(matmul(transpose(a), v))) < rounding);
  const auto forth = jvp(f, Vs{a, b}, {da, db});
  CHECK(list(forth.values[0]) == list(matmul(a, b)));
  CHECK(distance(list(forth.products[0]), list(V(matmul(da, b) + matmul(a, db)))) < rounding);
}

TEST_CASE("jacobian: of the softmax is diag(p) − p pᵀ") {
  const V x = row({0.3, -1, 2, 0.5});
  const V j = jacobian([](const V& z) { return softmax(z); }, x);
  CHECK(j.shape() == Shape{4, 4});
  const std::vector<double> p = list(softmax(x));
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t n = 0; n < 4; ++n)
      CHECK(j.value()(k, n) == doctest::Approx((k == n ? p[k] : 0) - p[k] * p[n]).epsilon(rounding));
}

TEST_CASE("jacobian: shapes are the output's and then the input's, for every pair") {
  const V x = random_parameter({2, 3}, 1), w = random_parameter({3}, 2);
  const auto j = jacobian([](const Vs& in) { return Vs{V(in[0] * in[1]), sum(in[0])}; }, Vs{x, w});
  CHECK(j[0][0].shape() == Shape{2, 3, 2, 3});
  CHECK(j[0][1].shape() == Shape{2, 3, 3});
  CHECK(j[1][0].shape() == Shape{2, 3});
  CHECK(list(j[1][0]) == std::vector<double>(6, 1));
  CHECK(list(j[1][1]) == std::vector<double>(3, 0));
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t k = 0; k < 3; ++k) {
      CHECK(j[0][0].value()(i, k, i, k) == w.value()(k));
      CHECK(j[0][1].value()(i, k, k) == x.value()(i, k));
      CHECK(j[0][1].value()(i, k, (k + 1) % 3) == 0);
    }
  CHECK(jacobian([](const V& z) { return slice(z, 0, 0, 0); }, x).shape() == Shape{0, 3, 2, 3});
}

TEST_CASE("hvp: of a quadratic form is (A + Aᵀ) v, of a linear one zero") {
  const V a = random_parameter({3, 3}, 1).detach(), x = random_parameter({3}, 2),
          v = random_parameter({3}, 3);
  const auto [y, product] = hvp([&](const V& z) { return quadratic(a, z); }, x, v);
  CHECK(y.item() == quadratic(a, x).item());
  CHECK(distance(list(product), list(V(matmul(a + transpose(a), column(v))))) < rounding);
  CHECK(list(hvp([](const V& z) { return sum(z * 3.0); }, x, v).product) == std::vector<double>(3, 0));
}

TEST_CASE("hvp, jacobian of vjp: the Hessian of Rosenbrock's function") {
  const double a = -1.2, b = 1;
  const V x = row({a, b});
  const std::vector<double> hessian{2 - 400 * b + 1200 * a * a, -400 * a, -400 * a, 200};
  for (index_t k = 0; k < 2; ++k) {
    V unit({2}, 0.0);
    unit.mutable_data()[k] = 1;
    const std::vector<double> column = list(hvp(rosenbrock, x, unit).product);
    CHECK(distance(column, {hessian[static_cast<std::size_t>(k)], hessian[static_cast<std::size_t>(2 + k)]}) <
          rounding);
  }
  const auto gradient = [](const V& z) { return vjp(rosenbrock, z, V(1.0), {.create_graph = true}).product; };
  CHECK(distance(list(gradient(x)), {-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)}) < rounding);
  CHECK(distance(list(jacobian(gradient, x)), hessian) < rounding);
}

TEST_CASE("jvp: with create_graph it can be differentiated again") {
  const V x = row({0.5, -1.5}), v = row({2, 3});
  const auto product = [&](const Vs& in) {
    return jvp([](const V& z) { return tanh(z) * z; }, in[0], in[1], {.create_graph = true}).product;
  };
  gradcheck(product, {x, v});
  jvpcheck(product, {x, v});
}

TEST_CASE("jvp, vjp: both are the same Jacobian, for stacked LSTM layers") {
  StackedLstm net;
  const Vs inputs = net.inputs();
  Vs u, v;
  for (std::size_t k = 0; k < inputs.size(); ++k) u.push_back(random_parameter(inputs[k].shape(), 10 + k));
  for (const V& y : net(inputs)) v.push_back(random_parameter(y.shape(), 30 + v.size()));
  const Vs forth = jvp(net, inputs, u).products, back = vjp(net, inputs, v).products;
  double left = 0, right = 0;
  for (std::size_t k = 0; k < v.size(); ++k) left += dot(v[k], forth[k]);
  for (std::size_t k = 0; k < u.size(); ++k) right += dot(u[k], back[k]);
  CHECK(std::abs(left) > 0.1);
  CHECK(left == doctest::Approx(right).epsilon(rounding));
}

TEST_CASE("jvp: branches not taken, zeros and slopes that cancel hide nothing") {
  const V x = row({0.5, 2}), v = row({3, 5});
  const auto product = [&](auto f) { return list(jvp(f, x, v).product); };
  CHECK(product([](const V& z) { return where(z > 1.0, log(z), z * 0.5); }) == std::vector<double>{1.5, 2.5});
  CHECK(product([](const V& z) -> V { return log(z) - log(z) + z; }) == std::vector<double>{3, 5});
  CHECK(product([](const V& z) {
          const V l = log(z);
          return sum(V(l * 1.0)) - sum(l) + z;
        }) == std::vector<double>{3, 5});
  CHECK(list(jvp([](const V& z) { return sqrt(z) / 2.0; }, row({4, 1}), v).product) ==
        std::vector<double>{0.375, 1.25});
  CHECK(product([](const V&) { return V({3}, 1.0); }) == std::vector<double>{0, 0, 0});
}

TEST_CASE("vjp, jvp: stored gradients stay, captured handles and constants are differentiated") {
  const V w = random_parameter({2}, 1), x = random_parameter({2}, 2).detach();
  sum(w * 2.0).backward();
  const auto f = [&](const Vs& in) { return in[0] * w; };
  const auto g = vjp(f, Vs{x, w}, {row({1, 1})}).products;
  CHECK(list(g[0]) == list(w));
  CHECK(list(g[1]) == list(x));
  CHECK(list(jvp(f, Vs{x, w}, {row({0, 0}), row({1, 1})}).products[0]) == list(x));
  CHECK(gradient_list(w) == std::vector<double>{2, 2});
  CHECK_FALSE(x.requires_grad());
  CHECK_FALSE(vjp(f, Vs{x, w}, {row({1, 1})}).values[0].requires_grad());
}

TEST_CASE("vjp, jvp, hvp, jacobian: float, too") {
  const auto x = row<float>({1, 2}), v = row<float>({3, 4});
  const auto f = [](const Variable<float>& z) { return square(z); };
  CHECK(list(vjp(f, x, v).product) == std::vector<double>{6, 16});
  CHECK(list(jvp(f, x, v).product) == std::vector<double>{6, 16});
  CHECK(list(hvp([&](const auto& z) { return sum(f(z)); }, x, v).product) == std::vector<double>{6, 8});
  CHECK(list(jacobian(f, x)) == std::vector<double>{2, 0, 0, 4});
}

TEST_CASE("functional: mistakes are named") {
  const V x = random_parameter({2, 3}, 1), v = random_parameter({3}, 2);
  const auto f = [](const V& z) { return tanh(z); };
  const auto two = [](const V& z) { return Vs{z, z}; };
  CHECK(message_of<ShapeError>([&] { vjp(f, x, v); }) ==
        "vjp: seed 1 must have the shape of output 1, (2, 3); got (3,)");
  CHECK(message_of<ShapeError>([&] { jvp(f, x, v); }) ==
        "jvp: tangent 1 must have the shape of input 1, (2, 3); got (3,)");
  CHECK(message_of<UsageError>([&] {
          vjp([&](const Vs& in) { return f(in[0]); }, Vs{x}, {v, v});
        }) == "vjp: need one seed for each of 1 outputs; got 2");
  CHECK(message_of<UsageError>([&] { jvp(two, x, x); }) ==
        "jvp: need one output; got 2; give vectors of inputs and seeds");
  CHECK(message_of<UsageError>([&] { hvp(f, x, x); }) ==
        "hvp: need one output of size 1; got (2, 3); take a sum or mean first");
  CHECK_THROWS_AS(jacobian(two, x), UsageError);
  CHECK_THROWS_AS(vjp(f, V(), v), UsageError);
  CHECK_THROWS_AS(jvp(f, x, V()), UsageError);
  CHECK_THROWS_AS(vjp([](const V&) { return V(); }, x, v), UsageError);
  CHECK(message_of<ShapeError>([&] {
          jacobian([](const V& z) { return z; }, V({1, 2, 1}, 1.0));
        }) == "jacobian: output (1, 2, 1) and input (1, 2, 1) make more than 5 axes; reshape one of them");
  const NoGrad guard;
  CHECK(message_of<UsageError>([&] { vjp(f, x, x); }) ==
        "vjp: nothing is recorded inside NoGrad; call it outside");
}

TEST_CASE("gradgradcheck, jvpcheck: second order and forward mode through two LSTM layers") {
  StackedLstm net;
  gradgradcheck(net, net.inputs());
  jvpcheck(net, net.inputs());
}

namespace {

// y = x³ with `factor` in place of 3 in its gradient: as arrays, and as ops.
auto cube(double factor, double factor_as_ops) {
  return custom_op<double>(
      "cube", [](const auto& x) { return xt::cube(x); },
      [=](const auto& dy, const auto&, const auto& x) { return factor * dy * xt::square(x); },
      [=](const auto& dy, const auto&, const auto& x) { return factor_as_ops * dy * square(x); });
}
auto of(double factor, double factor_as_ops) {
  return [op = cube(factor, factor_as_ops)](const Vs& in) { return op(in[0]); };
}

}  // namespace

TEST_CASE("jvpcheck: a right rule passes, by projection and in full") {
  const V x = random_parameter({2, 3}, 8, 0.5, 1);
  CHECK(passes_jvpcheck(of(3, 3), {x}));
  CHECK(passes_jvpcheck(of(3, 3), {x}, {.full = true}));
  CHECK(passes_jvpcheck(
      [](const Vs& in) {
        return Vs{V(in[0] * in[1]), sum(in[0])};
      },
      {x, random_parameter({3}, 9).detach()}));
}

TEST_CASE("jvpcheck, gradgradcheck: wrong rules of first order are rejected") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const V x = random_parameter({3}, seed, 0.5, 1);
    const GradcheckOptions options{.seed = seed};
    // Wrong in both forms: the recorded gradients agree with each other, but not with the values.
    CHECK_FALSE(passes_gradcheck(of(3.003, 3.003), {x}, options));
    CHECK_FALSE(passes_jvpcheck(of(3.003, 3.003), {x}, options));
    CHECK_FALSE(passes_jvpcheck(of(-3, -3), {x}, options));
    // Wrong only where it is recorded: gradcheck cannot see it.
    CHECK(passes_gradcheck(of(3, 3.003), {x}, options));
    CHECK_FALSE(passes_jvpcheck(of(3, 3.003), {x}, options));
    CHECK_FALSE(passes_gradgradcheck(of(3, 3.003), {x}, options));
    // Wrong only as arrays: forward mode never uses that one.
    CHECK_FALSE(passes_gradcheck(of(3.003, 3), {x}, options));
    CHECK_FALSE(passes_gradgradcheck(of(3.003, 3), {x}, options));
  }
}

TEST_CASE("jvpcheck: a failure names op, input, element and both values") {
  const V x = values({1, 2}, {1, 2}).set_name("x");
  std::string message;
  try {
    jvpcheck(of(3, 4), {x}, {.full = true, .seed = 42});
  } catch (const GradcheckError& error) {
    message = error.what();
    CHECK(error.op == "forward mode of cube");
    CHECK(error.input == 0);
    CHECK(error.element == std::vector<index_t>{0, 0});
    CHECK(error.analytic == 4);
    CHECK(error.numeric == doctest::Approx(3).epsilon(1e-9));  // 1e-16 / 6e-6, the error of a difference
    CHECK(error.seed == 42);
  }
  CHECK(
      message.starts_with("gradcheck: forward mode of cube: inputs[0] x (1, 2), element (0, 0): the gradient "
                          "is 4, the differences say "));
  CHECK_THROWS_AS(jvpcheck(of(3, 3), {x.detach()}), UsageError);
  int calls = 0;
  CHECK_THROWS_AS(jvpcheck([&](const Vs& in) { return in[0] * ++calls; }, {x}), UsageError);
}
