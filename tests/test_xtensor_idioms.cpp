/// \file What people who live in xtensor write every day, on values, gradients, and inside update(): ranks, layouts and
/// results are those that any xtensor array gives.

#include <doctest/doctest.h>

#include <sstream>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "xtensor_extras.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using List = std::vector<double>;

template <class E>
List flat(const E& expression) {
  const xt::xarray<double> a = expression;
  return List(a.begin(), a.end());
}
template <class E>
List extents(const E& expression) {
  return List(expression.shape().begin(), expression.shape().end());
}

/// Checks the idioms on an array a = ((1, 5, 3), (4, 2, 6)) of any type.
template <class A>
void check_reading(const A& a) {
  const auto doubled = xt::eval(a * 2);
  CHECK(doubled.dimension() == 2);
  CHECK(extents(doubled) == List{2, 3});
  CHECK(flat(doubled) == List{2, 10, 6, 8, 4, 12});
  const xt::xarray<double> copy = a;
  CHECK(copy.dimension() == 2);
  CHECK(flat(copy + 1) == List{2, 6, 4, 5, 3, 7});
  CHECK(flat(a + a) == List{2, 10, 6, 8, 4, 12});
  CHECK(flat(-a) == List{-1, -5, -3, -4, -2, -6});
  CHECK(xt::eval(xt::exp(a)).dimension() == 2);
  CHECK(flat(xt::where(a > 3.0, a, 0.0)) == List{0, 5, 0, 4, 0, 6});
  CHECK(flat(xt::clip(a, 2.0, 4.0)) == List{2, 4, 3, 4, 2, 4});
  CHECK(flat(xt::maximum(a, 3.0)) == List{3, 5, 3, 4, 3, 6});

  CHECK(xt::sum(a)() == 21);
  CHECK(flat(xt::sum(a, {0})) == List{5, 7, 9});
  CHECK(flat(xt::sum(a, {1}, xt::evaluation_strategy::immediate)) == List{9, 12});
  CHECK(xt::sum(a, {1}, xt::evaluation_strategy::immediate).dimension() == 1);
  CHECK(extents(xt::sum(a, {1}, xt::keep_dims)) == List{2, 1});
  CHECK(xt::mean(a)() == 3.5);
  CHECK(flat(xt::mean(a, {1})) == List{3, 4});
  CHECK(flat(xt::amax(a, {1})) == List{5, 6});
  CHECK(xt::amin(a)() == 1);
  CHECK(flat(xt::prod(a, {1})) == List{15, 48});
  CHECK(flat(xt::variance(a, {0})) == List{2.25, 2.25, 2.25});
  CHECK(flat(xt::stddev(a, {0})) == List{1.5, 1.5, 1.5});
  CHECK(flat(xt::cumsum(a, 1)) == List{1, 6, 9, 4, 6, 12});
  CHECK(std::sqrt(xt::sum(a * a)()) == doctest::Approx(std::sqrt(91.0)));

  const auto best = xt::argmax(a, 1);
  CHECK(best.dimension() == 1);
  CHECK(flat(best) == List{1, 2});
  CHECK(xt::argmin(a)() == 0);
  CHECK(flat(xt::sort(a, 1)) == List{1, 3, 5, 2, 4, 6});
  CHECK(flat(xt::argsort(a, 1)) == List{0, 2, 1, 1, 0, 2});
  CHECK(xt::median(a) == 3.5);
  CHECK(flat(xt::unique(a)) == List{1, 2, 3, 4, 5, 6});

  const auto second = xt::eval(xt::view(a, 1, xt::all()) + 1);
  CHECK(second.dimension() == 1);
  CHECK(flat(second) == List{5, 3, 7});
  CHECK(flat(xt::row(a, 0)) == List{1, 5, 3});
  CHECK(flat(xt::col(a, 2)) == List{3, 6});
  CHECK(flat(xt::view(a, xt::all(), xt::range(1, 3))) == List{5, 3, 2, 6});
  CHECK(flat(xt::strided_view(a, {1})) == List{4, 2, 6});
  CHECK(flat(xt::strided_view(a, {xt::ellipsis(), 0})) == List{1, 4});
  CHECK(flat(xt::transpose(a)) == List{1, 4, 5, 2, 3, 6});
  CHECK(extents(xt::eval(xt::transpose(a))) == List{3, 2});
  CHECK(flat(xt::flatten(a)) == List{1, 5, 3, 4, 2, 6});
  CHECK(flat(xt::flip(a, 1)) == List{3, 5, 1, 6, 2, 4});
  CHECK(flat(xt::filter(a, a > 3.0)) == List{5, 4, 6});
  CHECK(flat(xt::concatenate(xt::xtuple(a, a), 0)).size() == 12);
  CHECK(extents(xt::eval(xt::stack(xt::xtuple(a, a), 0))) == List{2, 2, 3});
  CHECK(extents(xt::eval(xt::expand_dims(a, 0))) == List{1, 2, 3});
  CHECK(xt::eval(xt::broadcast(a, {4, 2, 3})).dimension() == 3);

  CHECK(a(1, 2) == 6);
  CHECK(a.size() == 6);
  CHECK(List(a.begin(), a.end()) == List{1, 5, 3, 4, 2, 6});
  CHECK(a.data()[3] == 4);
  CHECK(xt::allclose(a, copy));
  CHECK((a == copy));
  double total = 0;
  for (double x : a) total += x;
  CHECK(total == 21);
  std::ostringstream text;
  text << a;
  CHECK(text.str().find("4.") != std::string::npos);
}

const List elements = {1, 5, 3, 4, 2, 6};

}  // namespace

TEST_CASE("xtensor idioms: on a value, on one with other axes, and on a slice that is not in one piece") {
  const V x = values({2, 3}, elements);
  check_reading(x.value());
  const V turned = transpose(values({3, 2}, {1, 4, 5, 2, 3, 6}));
  check_reading(turned.value());
  const V wide = values({2, 5}, {0, 1, 5, 3, 0, 0, 4, 2, 6, 0});
  const V part = slice(wide, 1, 1, 4);
  check_reading(part.value());
  CHECK(message_of<UsageError>([&] { part.data(); }) ==
        "Variable::data: a slice (2, 3) that is not in one piece; use value(), or data() of dense(x)");
}

TEST_CASE("xtensor idioms: on gradients") {
  const V x = values({2, 3}, {0, 0, 0, 0, 0, 0});
  sum(x * values({2, 3}, elements)).backward();
  check_reading(x.grad());
}

TEST_CASE("xtensor idioms: a view holds what it needs") {
  const auto view = [] {
    const V wide = values({2, 5}, {0, 1, 5, 3, 0, 0, 4, 2, 6, 0});
    const V part = slice(wide, 1, 1, 4);
    return part.value();  // a copy, since the slice is not in one piece: it outlives the Variable
  }();
  check_reading(view);
}

TEST_CASE("xtensor idioms: inside update()") {
  V x = values({2, 3}, elements);
  x.update([](auto& a) { check_reading(a); });
  x.update([](auto& a) { xt::strided_view(a, {1}) = 7.0; });
  CHECK(list(x) == List{1, 5, 3, 7, 7, 7});
  x.update([](auto& a) { xt::view(a, 0, xt::all()) = xt::zeros<double>({3}); });
  CHECK(list(x) == List{0, 0, 0, 7, 7, 7});
  x.update([](auto& a) { xt::col(a, 1) += 1.0; });
  CHECK(list(x) == List{0, 1, 0, 7, 8, 7});
  x.update([](auto& a) { a *= 2; });
  x.update([](auto& a) { a = xt::eval(a + 1); });
  CHECK(list(x) == List{1, 3, 1, 15, 17, 15});
  x.update([](auto& a) { xt::filter(a, a > 10.0) = 0.0; });
  CHECK(list(x) == List{1, 3, 1, 0, 0, 0});
  x.update([](auto& a) { a(1, 2) = 9; });
  x.update([](auto& a) { a.fill(4); });
  CHECK(list(x) == List{4, 4, 4, 4, 4, 4});
  x.update([](auto& a) { xt::noalias(a) = xt::arange<double>(6).reshape({2, 3}); });
  CHECK(list(x) == List{0, 1, 2, 3, 4, 5});
  x.update([](auto& a) { std::iota(a.begin(), a.end(), 1.0); });
  CHECK(list(x) == List{1, 2, 3, 4, 5, 6});
  x.update([](auto& a) { xt::view(a, 1) = xt::eval(xt::view(a, 0) * 10); });
  CHECK(list(x) == List{1, 2, 3, 10, 20, 30});
}

TEST_CASE("xtensor idioms: arrays made from extents in a vector") {
  const std::vector<std::size_t> shape{2, 3};
  const xt::xarray<float> ones = xt::ones<float>(shape);
  CHECK(ones.dimension() == 2);
  CHECK(xt::sum(ones)() == 6);
  const Variable v(ones);
  CHECK(v.shape() == Shape{2, 3});
  CHECK(xt::eval(ones * 2).dimension() == 2);
}
