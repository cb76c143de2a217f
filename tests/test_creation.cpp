#include "unroll/autograd/creation.hpp"

#include <array>

#include "arrays.hpp"
#include "doctest/doctest.h"

using namespace unroll;

namespace {

using V = Variable<double>;

TEST_CASE("creation: zeros, ones and full have one value everywhere") {
  CHECK(zeros<float>({2, 3}).value() == xt::zeros<float>({2, 3}));
  CHECK(ones<double>({}).item() == 1);
  CHECK(full<double>({4}, 2).value() == xt::xarray<double>{2, 2, 2, 2});
  CHECK_FALSE(zeros<float>({2}).requires_grad());
}

TEST_CASE("creation: randn and uniform draw what the generator gives, in row-major order") {
  Generator rng(3), same(3);
  const V x = randn<double>({2, 2}, rng, 1, 0.5);
  for (index_t i = 0; i < 4; ++i) CHECK(x.data()[i] == same.normal(1, 0.5));
  const V u = uniform<double>({3}, rng, -2, 2);
  for (index_t i = 0; i < 3; ++i) CHECK(u.data()[i] == same.uniform(-2, 2));
}

TEST_CASE("creation: arange stops before its end, like NumPy's") {
  CHECK(arange<double>(3).value() == xt::xarray<double>{0, 1, 2});
  CHECK(arange<double>(1, 2, 0.25).value() == xt::xarray<double>{1, 1.25, 1.5, 1.75});
  CHECK(arange<float>(3, 0, -2).value() == xt::xarray<float>{3, 1});
  CHECK(arange<float>(0, 1, -1).shape() == Shape{0});
  CHECK_THROWS_WITH_AS(arange<double>(0, 1, 0),
                       "arange: from 0 to 1 in steps of 0 is no finite number of elements", UsageError);
}

TEST_CASE("from: elements under a shape, from whatever lies in one piece") {
  const std::vector<double> six{1, 2, 3, 4, 5, 6};
  CHECK(V::from({2, 3}, six).value() == xt::xarray<double>{{1, 2, 3}, {4, 5, 6}});
  CHECK(V::from({3, 1}, {1, 2, 3}).shape() == Shape{3, 1});
  CHECK(V::from(six).shape() == Shape{6});
  CHECK(V::from(std::array{1.0, 2.0}).value() == xt::xarray<double>{1, 2});
  CHECK_THROWS_WITH_AS(V::from({4}, six), "from: need 4 elements for the shape (4,); got 6", ShapeError);
}

TEST_CASE("from: nested braces give the shape") {
  CHECK(V::from({1, 2, 3}).value() == xt::xarray<double>{1, 2, 3});
  CHECK(V::from({{1, 2}, {3, 4}}).value() == xt::xarray<double>{{1, 2}, {3, 4}});
  CHECK(V::from({{1}, {2}}).shape() == Shape{2, 1});
  CHECK(V::from({{{1, 2}}, {{3, 4}}, {{5, 6}}}).shape() == Shape{3, 1, 2});
  const char* uneven = "from: the lists must have equal lengths and depths; the first ones give (2, 2)";
  CHECK_THROWS_WITH_AS(V::from({{1, 2}, {3}}), uneven, ShapeError);
  CHECK_THROWS_WITH_AS(V::from({{1, 2}, {3, {4}}}), uneven, ShapeError);
  CHECK_THROWS_WITH_AS(V::from({{1, 2}, 3}), uneven, ShapeError);
}

}  // namespace
