#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

std::vector<double> times(const std::vector<double>& a, double factor) {
  std::vector<double> b = a;
  for (double& x : b) x *= factor;
  return b;
}

}  // namespace

TEST_CASE("gradients: two backward passes add up, zero_grad forgets") {
  V x = row({1, 2});
  CHECK_FALSE(x.has_grad());
  sum(x * x).backward();
  sum(x * 3.0).backward();
  CHECK(gradient_list(x) == std::vector<double>{5, 7});
  x.zero_grad();
  CHECK_FALSE(x.has_grad());
  CHECK_THROWS_AS(x.grad(), UsageError);
  sum(slice(x, 0, 0, 1)).backward();
  CHECK(gradient_list(x) == std::vector<double>{1, 0});
}

TEST_CASE("gradients: two halves of a batch give the gradient of the whole, through a product, too") {
  V w = random_parameter({3, 4}, 1), b = random_parameter({3}, 2);
  const V x = random_parameter({6, 4}, 3).detach();
  const auto loss = [&](const V& rows) { return sum(tanh(linear(rows, w, b))); };
  loss(x).backward();
  const std::vector<double> gw = gradient_list(w), gb = gradient_list(b);
  w.zero_grad();
  b.zero_grad();
  loss(slice(x, 0, 0, 3)).backward();
  loss(slice(x, 0, 3, 6)).backward();
  CHECK(distance(gradient_list(w), gw) < 1e-15);  // the same terms, summed in two parts
  CHECK(distance(gradient_list(b), gb) < 1e-15);
}

TEST_CASE("gradients: those of results are released unless retained") {
  const V x = row({1, 2});
  V y = x * 2.0, z = x * 3.0;
  y.retain_grad();
  sum(y * z).backward();
  CHECK(gradient_list(y) == list(z));
  CHECK_FALSE(z.has_grad());
  CHECK_THROWS_WITH_AS(z.grad(),
                       "grad: (2,) has no gradient; call retain_grad() on this result before backward()",
                       UsageError);
}

TEST_CASE("gradients: a retained one is not counted again by the next pass") {
  const V x = row({1, 2});
  V y = x * 2.0;
  y.retain_grad();
  const V z = sum(y * y);
  z.backward(true);
  z.backward(true);
  CHECK(gradient_list(y) == times(list(y), 4));  // twice 2y: results add up as leaves do
  CHECK(gradient_list(x) == std::vector<double>{16, 32});
}

TEST_CASE("gradients: a retained one of an output that the next pass does not reach is not used again") {
  const V x = row({1, 2});
  auto [a, b] = fuse([](auto u) { return std::tuple(u * 2.0, u * u); }, x);
  a.retain_grad();
  const V first = sum(a), second = sum(b);
  first.backward(true);
  V(x).zero_grad();
  second.backward(true);
  CHECK(gradient_list(x) == std::vector<double>{2, 4});
  CHECK(gradient_list(a) == std::vector<double>{1, 1});
}

TEST_CASE("grad: leaves stored gradients alone, those of retained results and of hooked leaves, too") {
  V x = row({1, 2}), u = row({5, 6});
  u.register_hook([](const V& g) { return V(g * 2.0); });
  V y = x * u;
  y.retain_grad();
  const V z = sum(y * y);
  z.backward(true);
  const std::vector<double> gx = gradient_list(x), gy = gradient_list(y), gu = gradient_list(u);
  for (bool graph : {false, true}) {
    const Vs g = grad<double>({z}, {x, u, y}, {.retain_graph = true, .create_graph = graph});
    CHECK(list(g[0]) == gx);
    CHECK(list(g[1]) == gu);
    CHECK(list(g[2]) == gy);
    const Vs one = grad(Vs{z}, Vs{u}, {.retain_graph = true, .create_graph = graph});
    CHECK(list(one[0]) == gu);
    CHECK(gradient_list(x) == gx);
    CHECK(gradient_list(y) == gy);
    CHECK(gradient_list(u) == gu);
  }
  V untouched = x * 3.0;
  untouched.retain_grad();
  grad(sum(untouched * untouched), x);
  CHECK_FALSE(untouched.has_grad());
}

TEST_CASE("grad: with respect to results; what lies before them is not run") {
  const V x = row({1, 2});
  const V y = x * 2.0, z = y * y;
  const V loss = sum(z * z);
  const Vs g = grad<double>({loss}, {z, y}, {.retain_graph = true});
  CHECK(list(g[0]) == times(list(z), 2));
  CHECK(list(g[1]) == std::vector<double>{4 * 8, 4 * 64});
  grad(loss, z);
  sum(y).backward();  // x * 2 was not released
  CHECK(gradient_list(x) == std::vector<double>{2, 2});
}

TEST_CASE("grad: several outputs with seeds, an input named twice, one that nothing depends on") {
  const V x = row({1, 2}), other = row({7});
  const V y = x * x, z = x * 3.0;
  const Vs g = grad<double>({y, z}, {x, x, other}, {}, {row({1, 10}), row({2, 0})});
  CHECK(list(g[0]) == std::vector<double>{2 + 6, 40});
  CHECK(list(g[1]) == list(g[0]));
  CHECK(list(g[2]) == std::vector<double>{0});
}

TEST_CASE("grad: outputs of which none has a graph are refused, as by backward") {
  const V x = row({1, 2});
  const auto refused = [](const V& y, const V& x) { return message_of<UsageError>([&] { grad(y, x); }); };
  const std::string why =
      "grad: output 1 () does not depend on anything that requires a gradient; call requires_grad(true) on "
      "the inputs "
      "before they are used, outside NoGrad; a gradient is differentiable if grad() was given create_graph = "
      "true";
  CHECK(refused(sum(x.detach()), x) == why);
  CHECK(refused(sum(grad(sum(x * x), x)), x) == why);
  const V unrecorded = [&] {
    const NoGrad no_grad;
    return V(sum(x * x));
  }();
  CHECK(refused(unrecorded, x) == why);
  CHECK(
      message_of<UsageError>([&] {
        grad<double>({unrecorded, unrecorded}, {x});
      })
          .starts_with(
              "grad: output 1 () does not depend on anything that requires a gradient, nor do the others; "));
  CHECK(list(grad<double>({unrecorded, V(sum(x))}, {x})[0]) == std::vector<double>{1, 1});
}

TEST_CASE("grad: mistakes are named") {
  const V x = row({1, 2}), c = x.detach();
  const V y = x * x;
  CHECK_THROWS_WITH_AS(grad(y, x), "grad: output 1 has the shape (2,); give seeds, or take a sum first",
                       UsageError);
  CHECK_THROWS_WITH_AS(
      grad(sum(y), c),
      "grad: input 1 (2,) does not require a gradient; call requires_grad(true) on it before use",
      UsageError);
  CHECK_THROWS_WITH_AS(grad<double>({y}, {x}, {}, {row({1, 2, 3})}), "grad: seed 1 must have the shape (2,)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(grad<double>({y}, {x}, {}, {row({1, 2}), row({1, 2})}),
                       "grad: need one seed for each of 1 outputs; got 2", UsageError);
  CHECK_THROWS_AS(grad(V(), x), UsageError);
  CHECK_THROWS_AS(y.backward(), UsageError);
  CHECK_THROWS_WITH_AS(y.backward(row({1})), "backward: the seed must have the shape (2,); got (1,)",
                       ShapeError);
}

// --- hooks ----------------------------------------------------------------------------------------------

TEST_CASE("hooks: one on a leaf runs once a pass, sees that pass only, and replaces what is added") {
  V x = row({1, 2});
  std::vector<std::vector<double>> seen;
  x.register_hook([&](const V& g) {
    seen.push_back(list(g));
    return V(g * 10.0);
  });
  sum(x * x + x * 3.0).backward();
  sum(x * 1.0).backward();
  CHECK(seen == std::vector<std::vector<double>>{{5, 7}, {1, 1}});
  CHECK(gradient_list(x) == std::vector<double>{60, 80});
}

TEST_CASE("hooks: one on a result sees the complete gradient before it is passed on") {
  const V x = row({1, 2});
  V y = x * 2.0;
  int calls = 0;
  y.register_hook([&](const V& g) {
    ++calls;
    CHECK(list(g) == std::vector<double>{3 + 1, 3 + 2});
    return row({1, 100}).detach();
  });
  y.register_hook([&](const V& g) {
    CHECK(list(g) == std::vector<double>{1, 100});
    return V();
  });
  V(sum(y * 3.0) + sum(y * x)).backward();
  CHECK(calls == 1);
  CHECK(gradient_list(x) == std::vector<double>{2 + 2, 200 + 4});
}

TEST_CASE("hooks: a parameter of several products sees the merged gradient once, before it is stored") {
  V w = random_parameter({3, 3}, 1), b = random_parameter({3}, 2);
  const V x = random_parameter({2, 3}, 3).detach();
  const auto loss = [&] {
    V h = x;
    for (int t = 0; t < 4; ++t) h = tanh(linear(h, w, b));
    return V(sum(h * h));
  };
  const Vs expected = grad<double>({loss()}, {w, b});
  int calls = 0;
  const auto hook = [&](const V& expect) {
    return [&calls, expect](const V& g) {
      ++calls;
      CHECK(list(g) == list(expect));
      return V(g * 0.5);
    };
  };
  w.register_hook(hook(expected[0]));
  b.register_hook(hook(expected[1]));
  loss().backward();
  loss().backward();
  CHECK(calls == 4);
  CHECK(gradient_list(w) == list(expected[0]));
  CHECK(gradient_list(b) == list(expected[1]));
}

TEST_CASE("hooks: they act in recorded passes, too") {
  V x = row({1, 2});
  V y = x * x;
  x.register_hook([](const V& g) { return V(g * 2.0); });
  y.register_hook([](const V& g) { return V(g * 5.0); });
  CHECK(list(grad(sum(y), x, {.create_graph = true})) == std::vector<double>{20, 40});
}

TEST_CASE("hooks: a shape that changes and a leaf without a gradient are refused") {
  V x = row({1, 2});
  x.register_hook([](const V&) { return row({1}); });
  const V y = sum(x * x);
  CHECK_THROWS_WITH_AS(y.backward(), "hook: the gradient of (2,) must keep its shape; got (1,)", ShapeError);
  CHECK_THROWS_AS(V(row({1}).detach()).register_hook([](const V& g) { return g; }), UsageError);
}

// --- higher orders --------------------------------------------------------------------------------------

TEST_CASE("create_graph: three derivatives of x⁴ and of tanh") {
  const V x = values({}, {0.7});
  const V y = square(square(x));
  const V d1 = grad(y, x, {.create_graph = true}), d2 = grad(d1, x, {.create_graph = true}), d3 = grad(d2, x);
  CHECK(d1.item() == doctest::Approx(4 * 0.343).epsilon(1e-14));  // a few roundings
  CHECK(d2.item() == doctest::Approx(12 * 0.49).epsilon(1e-14));
  CHECK(d3.item() == doctest::Approx(24 * 0.7).epsilon(1e-14));
  const double t = std::tanh(0.7), s = 1 - t * t;
  const V t1 = grad(V(tanh(x)), x, {.create_graph = true}), t2 = grad(t1, x, {.create_graph = true}),
          t3 = grad(t2, x);
  CHECK(t1.item() == doctest::Approx(s).epsilon(1e-13));
  CHECK(t2.item() == doctest::Approx(-2 * t * s).epsilon(1e-13));
  CHECK(t3.item() == doctest::Approx(-2 * s * (s - 2 * t * t)).epsilon(1e-13));
}

TEST_CASE("create_graph: the gradient of a gradient's norm reaches the parameters") {
  const V x = random_parameter({3, 4}, 1), w = random_parameter({4, 2}, 2), b = random_parameter({2}, 3);
  gradcheck(
      [&](const Vs&) {
        const Vs g = grad<double>({sum(square(tanh(matmul(x, w) + b)))}, {w, b}, {.create_graph = true});
        return V(sum(square(g[0])) + sum(square(g[1])));
      },
      {x, w, b});
}

TEST_CASE("create_graph: slopes at an adjoint of exactly zero are not lost") {
  const V x = row({0.5, 2}), w = row({0, 3}), v = row({0, 1});
  for (int op = 0; op < 4; ++op) {
    CAPTURE(op);
    const auto f = [op](const Vs& in) -> V {
      const V &a = in[0], &b = in[1];
      if (op == 0) return b * log(a);
      if (op == 1) return b * sqrt(a);
      if (op == 2) return b / a;
      return b * pow(a, 1.5);
    };
    gradgradcheck(f, {x, w});
    const V seed = v.copy().requires_grad(true);
    const V y = f({x, w});
    gradcheck(
        [&](const Vs&) {
          return grad<double>({f({x, w})}, {x}, {.create_graph = true}, {seed})[0];
        },
        {seed, w});
  }
}

// --- size -----------------------------------------------------------------------------------------------

TEST_CASE("backward: a hook may return a slice that is not in one piece") {
  const auto wide = values({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}).detach();
  auto x = values({2, 2}, {0, 0, 0, 0});
  x.register_hook([&](const auto&) { return slice(wide, 1, 1, 3); });
  const auto y = x * 1.0;
  const Variable result = y;
  sum(result).backward();
  CHECK(gradient_list(x) == std::vector<double>{2, 3, 6, 7});
  auto z = values({2, 2}, {0, 0, 0, 0});
  const Variable twice = z * 2.0;
  Variable hooked = twice;
  hooked.register_hook([&](const auto&) { return slice(wide, 1, 1, 3); });
  sum(hooked).backward();
  CHECK(gradient_list(z) == std::vector<double>{4, 6, 12, 14});
}

TEST_CASE("hooks: a weight's run as soon as its product is done, while those of other weights wait") {
  const auto x = random_parameter({3, 4}, 1).detach();
  V first = random_parameter({5, 4}, 2), second = random_parameter({2, 5}, 3);
  std::vector<std::string> seen;
  second.register_hook([&](const V& g) {
    CHECK_FALSE(first.has_grad());
    seen.push_back("second");
    return V(g * 2.0);
  });
  first.register_hook([&](const V&) {
    CHECK(second.has_grad());
    seen.push_back("first");
    return V();
  });
  const auto loss = [&] { return sum(linear(V(tanh(linear(x, first))), second)); };
  loss().backward();
  CHECK(seen == std::vector<std::string>{"second", "first"});
  const auto once = gradient_list(second);
  first.zero_grad();
  loss().backward();  // each pass adds what its hook returns
  CHECK(gradient_list(second) == times(once, 2));
}
