#include "unroll/autograd/custom.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/autograd/xtensor.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class T>
auto make_softsign() {
  return custom_op<T>(
      "softsign", [](const auto& x) { return x / (1 + xt::abs(x)); },
      [](const auto& dy, const auto& y, const auto&) { return dy * xt::square(1 - xt::abs(y)); });
}

// x y with a gradient for each, and the same as ops.
const auto product = custom_op<double>(
    "product", [](const auto& x, const auto& y) { return x * y; },
    [](const auto& dz, const auto&, const auto& x, const auto& y) { return std::tuple(dz * y, dz * x); },
    [](const auto& dz, const auto&, const auto& x, const auto& y) { return std::tuple(dz * y, dz * x); });

}  // namespace

TEST_CASE_TEMPLATE("custom_op: value and gradient as the functions say", T, float, double) {
  const auto softsign = make_softsign<T>();
  const auto x = row<T>({-3, 0, 1});
  const Variable<T> y = softsign(x);
  CHECK(list(y) == std::vector<double>{-0.75, 0, 0.5});
  y.backward(row<T>({16, 1, 4}));
  CHECK(gradient_list(x) == std::vector<double>{1, 1, 1});
  softsign(x).backward(row<T>({16, 1, 4}));
  CHECK(gradient_list(x) == std::vector<double>{2, 2, 2});
}

TEST_CASE("custom_op: gradients of first and, where given as ops, of second order") {
  const auto x = random_parameter({3, 4}, 1), y = random_parameter({3, 4}, 2);
  gradcheck([&](const auto& in) { return product(in[0], in[1]); }, {x, y});
  gradgradcheck([&](const auto& in) { return product(in[0], product(in[0], in[1])); }, {x, y});
  gradcheck([&](const auto& in) { return make_softsign<double>()(slice(in[0], 1, 1, 3)); }, {x});
  gradcheck([&](const auto& in) { return product(in[0], y.detach()); }, {x});
}

TEST_CASE("custom_op: the shape is the forward function's, and its arguments may be DenseArrayViews") {
  const auto row_sums = custom_op<double>(
      "row_sums", [](const DenseArrayView<double>& x) -> xt::xarray<double> { return xt::sum(x, {1}); },
      [](const DenseArrayView<double>& dy, const auto&,
         const DenseArrayView<double>& x) -> xt::xarray<double> {
        xt::xarray<double> dx = xt::zeros_like(x);
        for (std::size_t i = 0; i < x.shape(0); ++i) xt::view(dx, i) = dy(i);
        return dx;
      });
  const auto x = random_parameter({3, 4}, 3);
  CHECK(row_sums(x).shape() == Shape{3});
  gradcheck([&](const auto& in) { return row_sums(in[0]); }, {x});
}

TEST_CASE("custom_op: takes expressions") {
  const auto x = row({1, 2, 3});
  CHECK(list(product(x + x, x * 1.0)) == std::vector<double>{2, 8, 18});
}

TEST_CASE("custom_op: mistakes name the op and leave the tape usable") {
  const auto bad = custom_op<double>(
      "bad", [](const auto& x) { return 2 * x; },
      [](const auto&, const auto&, const auto&) -> xt::xarray<double> { return xt::ones<double>({2}); });
  const auto x = row({1, 2, 3});
  CHECK(message_of<ShapeError>([&] {
          bad(x).backward(row({1, 1, 1}));
        }) == "bad: backward must give a gradient (3,) for input 1; got (2,)");
  CHECK_FALSE(x.has_grad());
  const auto softsign = make_softsign<double>();
  CHECK_THROWS_AS(gradgradcheck([&](const auto& in) { return softsign(in[0]); }, {x}), UsageError);
  CHECK_THROWS_AS(softsign(Variable<double>()), UsageError);
  softsign(x).backward(row({1, 1, 1}));
  CHECK(x.has_grad());
}
