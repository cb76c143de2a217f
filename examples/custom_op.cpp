// An op of one's own: define it, check its gradient, use it in a cell.
//
//     g++ -std=c++20 -O2 custom_op.cpp -o custom_op $(pkg-config --cflags --libs unroll)

#include <fmt/core.h>

#include <unroll/autograd/custom.hpp>
#include <unroll/autograd/functions.hpp>
#include <unroll/autograd/gradcheck.hpp>
#include <unroll/autograd/reduce.hpp>
#include <unroll/autograd/xtensor.hpp>

using namespace unroll;

// A bell b(x) = exp(−(x / w)²) of learnt width w, which serves as an activation: db/dx = −2 b x / w², and
// db/dw = Σ 2 b x² / w³ over the elements that share w.
const auto bell = custom_op<double>(
    "bell", [](const auto& x, const auto& w) { return xt::exp(-xt::square(x / w)); },
    [](const auto& db, const auto& b, const auto& x, const auto& w) {
      return std::tuple(-2 * db * b * x / xt::square(w),
                        xt::sum(2 * db * b * xt::square(x) / xt::cube(w), {0}));
    });

int main() {
  xt::random::seed(1);
  const Variable<double> xs = xt::random::randn<double>({20, 3});
  const auto width = parameter(xt::xtensor<double, 1>{0.5, 1.0, 2.0});
  const auto weight = parameter(xt::xtensor<double, 2>{{0.3, -0.2, 0.4}, {0.1, 0.5, -0.3}, {-0.4, 0.2, 0.1}});

  const auto cell = [&](const auto& h, const auto& x) { return bell(x + linear(h, weight), width); };
  const auto roll = [&](const auto&) {
    Variable<double> h({1, 3}, 0.0);
    for (index_t t = 0; t < xs.shape(0); ++t) h = cell(h, slice(xs, 0, t, t + 1));
    return sum(square(h - 0.5));
  };

  gradcheck(roll, {width, weight});  // throws where the rule above is wrong
  fmt::print("the gradient agrees with finite differences\n");

  for (int step = 0; step <= 200; ++step) {
    const Variable<double> loss = roll(0);
    if (step % 50 == 0) fmt::print("step {:3}  loss {:.6f}\n", step, loss.item());
    loss.backward();
    for (auto p : {width, weight}) {
      p.update([&](auto& value) { value -= 0.05 * p.grad(); });
      p.zero_grad();
    }
  }
}
