#include "unroll/autograd/variable.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/autograd/xtensor.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {
using V = Variable<double>;
}

TEST_CASE("variable: constructible from arrays, tensors, views, integers and lazy expressions") {
  const xt::xarray<double> a = {{1, 2, 3}, {4, 5, 6}};
  CHECK(list(V(a)) == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(V(a).shape() == Shape{2, 3});
  const xt::xtensor<double, 2> t = a;
  CHECK(list(Variable(t)) == list(V(a)));
  CHECK(list(V(xt::view(a, xt::all(), 1))) == std::vector<double>{2, 5});
  CHECK(list(V(xt::view(a, 1, xt::range(0, 2)))) == std::vector<double>{4, 5});
  CHECK(list(V(xt::transpose(a))) == std::vector<double>{1, 4, 2, 5, 3, 6});
  CHECK(list(V(xt::exp(a) * 0.0 + 1.5)) == std::vector<double>(6, 1.5));
  CHECK(list(V(xt::arange<int>(4))) == std::vector<double>{0, 1, 2, 3});
  CHECK(list(V(xt::xarray<int>{7, 8})) == std::vector<double>{7, 8});
  CHECK(list(V(xt::sum(a, {0}))) == std::vector<double>{5, 7, 9});
  CHECK(V(xt::zeros<double>({2, 0, 3})).shape() == Shape{2, 0, 3});
  const Variable<float> f = a;  // converted
  CHECK(list(f) == list(V(a)));
  xt::xarray<double, xt::layout_type::column_major> columns = a;
  CHECK(list(V(columns)) == list(V(a)));
}

TEST_CASE("variable: scalars and ranks up to 5; rank 6 is refused") {
  CHECK(V(2.5).item() == 2.5);
  CHECK(V(2.5).rank() == 0);
  CHECK(V(xt::xarray<double>(3.0)).item() == 3);
  CHECK(V(xt::ones<double>({1, 2, 1, 2, 1})).rank() == 5);
  const std::size_t in_use = pool_stats().in_use;
  CHECK_THROWS_WITH_AS(V(xt::ones<double>({1, 1, 1, 1, 1, 1})),
                       "shape: the rank is at most 5; got (1, 1, 1, 1, 1) and more", ShapeError);
  CHECK(pool_stats().in_use == in_use);
}

TEST_CASE("variable: parameter() and the constructor's flag make leaves that take part in gradients") {
  const auto p = parameter(xt::xarray<double>{1, 2});
  CHECK(p.requires_grad());
  CHECK(p.is_leaf());
  CHECK_FALSE(V(xt::xarray<double>{1, 2}).requires_grad());
  CHECK(V(xt::xarray<double>{1, 2}, true).requires_grad());
}

TEST_CASE("variable: value() is the array itself, and works in xtensor expressions") {
  const V x = row({1, 2, 3, 4});
  CHECK(x.value().data() == x.data());
  const xt::xarray<double> y = x.value() * 2 + 1;
  CHECK(y == xt::xarray<double>{3, 5, 7, 9});
  CHECK(xt::sum(x.value())() == 10);
  CHECK(x.value()(2) == 3);
  CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
}

TEST_CASE("variable: value() of views with gaps between their rows reads the right elements") {
  const V x = values({3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const V part = slice(x, 1, 1, 3);
  CHECK(part.value().layout() == xt::layout_type::row_major);  // a copy in one piece
  CHECK(part.value()(2, 1) == 10);
  const xt::xarray<double> copy = part.value();
  CHECK(copy == xt::xarray<double>{{1, 2}, {5, 6}, {9, 10}});
  CHECK(xt::sum(part.value())() == 33);
  const xt::xarray<double> doubled = part.value() * 2.0;
  CHECK(doubled(1, 1) == 12);
  const xt::xarray<double> column = select(x, 1, 3).value();
  CHECK(column == xt::xarray<double>{3, 7, 11});
  CHECK(list(part.copy()) == list(part));
  CHECK(list(part.detach()) == list(part));
  CHECK(V(xt::view(part.value(), 1)).value()(0) == 5);
}

TEST_CASE("variable: the gradient of a view with gaps can be read the same way") {
  const V x = random_parameter({3, 4}, 1);
  const V whole = x * 1.0;
  const V part = slice(whole, 1, 1, 3).retain_grad();
  sum(part * part).backward();
  const xt::xarray<double> g = part.grad();
  CHECK(g == xt::xarray<double>(part.value() * 2.0));
}

TEST_CASE("variable: update() changes a leaf in place, through every handle, and bumps the version") {
  V x = row({1, 2});
  const V same = x;
  const std::uint32_t version = x.version();
  x.update([](auto& value) {
    value *= 3;
    value(0) += 1;
  });
  CHECK(list(same) == std::vector<double>{4, 6});
  CHECK(same.version() > version);
  x.update([](auto& value) { xt::noalias(value) = xt::xarray<double>{7, 8}; });
  CHECK(list(same) == std::vector<double>{7, 8});
  CHECK(same.same_as(x));
}

TEST_CASE("variable: update() refuses results and views") {
  const V x = values({2, 2}, {1, 2, 3, 4});
  V y = x * 2.0, part = slice(x.detach(), 1, 0, 1);
  const auto f = [](auto& value) { value += 1; };
  CHECK_THROWS_WITH_AS(
      y.update(f),
      "update: (2, 2) is the result of mul(x, c); only leaves can be changed; detach().copy() it first",
      UsageError);
  CHECK_THROWS_AS(part.update(f), UsageError);
  V copy = y.detach().copy();
  copy.update(f);
  CHECK(list(copy) == std::vector<double>{3, 5, 7, 9});
  CHECK(list(y) == std::vector<double>{2, 4, 6, 8});
}

TEST_CASE("variable: requires_grad can be set on leaves only; freezing works") {
  V x = row({1, 2}), w = row({3, 4});
  w.requires_grad(false);
  V y = x * w;
  sum(y).backward();
  CHECK(gradient_list(x) == std::vector<double>{3, 4});
  CHECK_FALSE(w.has_grad());
  CHECK_THROWS_WITH_AS(
      y.requires_grad(true),
      "requires_grad: only leaves can be set; this is the result of mul(x, x); detach() it first",
      UsageError);
}

TEST_CASE("variable: a strided constant that is made a parameter gets memory of its own") {
  const V x = values({3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}).detach();
  V part = slice(x, 1, 1, 3);
  part.requires_grad(true);
  CHECK(list(part) == std::vector<double>{1, 2, 5, 6, 9, 10});
  sum(part * part).backward();
  CHECK(gradient_list(part) == std::vector<double>{2, 4, 10, 12, 18, 20});
}

TEST_CASE("variable: the empty handle is refused everywhere, with a remedy") {
  V x;
  CHECK_FALSE(static_cast<bool>(x));
  CHECK_THROWS_WITH_AS(x.shape(), "Variable::shape: the Variable is empty; assign a value to it first",
                       UsageError);
  CHECK_THROWS_AS(x.value(), UsageError);
  CHECK_THROWS_AS(x.item(), UsageError);
  CHECK_THROWS_AS(x.grad(), UsageError);
  CHECK_THROWS_AS(x.backward(), UsageError);
  CHECK_THROWS_AS(x.detach(), UsageError);
  CHECK_THROWS_AS(x.copy(), UsageError);
  CHECK_THROWS_AS(x.zero_grad(), UsageError);
  CHECK_THROWS_AS(x.update([](auto&) {}), UsageError);
  CHECK_THROWS_AS(x.set_name("x"), UsageError);
  CHECK_THROWS_AS(sum(x), UsageError);
  CHECK_THROWS_AS(V(x * 2.0), UsageError);
}

TEST_CASE("variable: item, shape(axis) and their errors") {
  CHECK_THROWS_WITH_AS(row({1, 2}).item(), "item: need an array of one element; got (2,)", UsageError);
  const V x = random_parameter({2, 3}, 1);
  CHECK(x.shape(-1) == 3);
  CHECK_THROWS_WITH_AS(x.shape(2), "shape: axis 2 is outside an array of rank 2", IndexError);
  CHECK(values({1, 1}, {4}).item() == 4);
}

TEST_CASE("variable: names appear in messages") {
  V w = row({1, 2}).set_name("lstm.weight");
  CHECK(w.name() == "lstm.weight");
  CHECK_THROWS_WITH_AS(
      w.grad(), "grad: lstm.weight (2,) has no gradient; call requires_grad(true) and backward() first",
      UsageError);
}

TEST_CASE("variable: float and double are both there") {
  const Variable<float> x = random_parameter<float>({4}, 1);
  sum(tanh(x) * 2.0).backward();
  for (index_t i = 0; i < 4; ++i) {
    const double t = std::tanh(static_cast<double>(x.data()[i]));
    CHECK(std::abs(x.grad()(i) - 2 * (1 - t * t)) < 1e-6);  // a few float roundings
  }
}

TEST_CASE("xtensor expressions are operands of expressions, as constants") {
  const V x = values({2}, {1, 2});
  const xt::xarray<double> a = {10, 20};
  CHECK(list(V(x + a)) == std::vector{11.0, 22.0});
  CHECK(list(V(a * x - a / 2)) == std::vector{5.0, 30.0});
  CHECK(list(V(tanh(x) * 0.0 + (a + a))) == std::vector{20.0, 40.0});
}

TEST_CASE(
    "update: during backward, and with another shape, it is refused; inside it the old values are gone") {
  V x = values({2}, {1, 2});
  V y = x * x;
  y.register_hook([&](const V& g) -> V {
    CHECK_THROWS_WITH_AS(x.update([](auto& a) { a += 1; }),
                         "update: a backward pass is running; change values after it", UsageError);
    return g;
  });
  sum(y).backward();
  CHECK(gradient_list(x) == std::vector{2.0, 4.0});
  CHECK_THROWS_WITH_AS(x.update([](auto& a) { a = xt::ones<double>({3}); }),
                       "update: the new value must keep the shape (2,)", ShapeError);
  CHECK_THROWS_WITH_AS(x.update([](auto& a) {
    a = xt::ones<double>({2, 1});
  }),
                       "update: the new value must keep the shape (2,)", ShapeError);
  V other = values({2}, {3, 4});
  other.update([&](auto& b) { CHECK_THROWS_AS(x.update([&](auto& a) { a = std::move(b); }), ShapeError); });
  CHECK_THROWS_WITH_AS(x.update([](auto&) { throw std::runtime_error("not resizable"); }), "not resizable",
                       std::runtime_error);
  const V z = sum(x * x);
  x.update([&](auto&) { CHECK_THROWS_AS(z.backward(), UsageError); });
  CHECK_THROWS_AS(x.register_hook(nullptr), UsageError);
}
