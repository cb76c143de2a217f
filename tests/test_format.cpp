#include <fmt/core.h>

#include <sstream>

#include "doctest/doctest.h"
#include "unroll/autograd/creation.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;

namespace {

using V = Variable<float>;

TEST_CASE("format: type, shape and elements, by fmt and by streams") {
  const V x = V::from({1, 2.5, -3});
  CHECK(fmt::format("{}", x) == "Variable<float> (3,) [  1, 2.5,  -3]");
  std::ostringstream stream;
  stream << x;
  CHECK(stream.str() == x.str());
  CHECK(Variable<double>(0.125).str() == "Variable<double> () 0.125");
}

TEST_CASE("format: rows below one another, matrices an empty line apart") {
  CHECK(V::from({{1, 2}, {3, 40}}).str() == "Variable<float> (2, 2)\n[[ 1,  2],\n [ 3, 40]]");
  CHECK(V::from({{{1}, {2}}, {{3}, {4}}}).str() ==
        "Variable<float> (2, 2, 1)\n[[[1],\n  [2]],\n\n [[3],\n  [4]]]");
}

TEST_CASE("format: of more than a thousand elements three at each end of an axis") {
  CHECK(arange<float>(1000).str().find("...") == std::string::npos);
  CHECK(arange<float>(1001).str() == "Variable<float> (1001,) [   0,    1,    2, ...,  998,  999, 1000]");
  const std::string text = zeros<float>({200, 2, 7}).str();
  CHECK(text.find("[[[0, 0, 0, ..., 0, 0, 0],\n  [0, 0, 0, ..., 0, 0, 0]],\n\n [[") != std::string::npos);
  CHECK(text.find("]],\n\n ...,\n\n [[") != std::string::npos);
}

TEST_CASE("format: the empty handle, no elements, NaN, and a view") {
  CHECK(V().str() == "Variable<float>, empty");
  CHECK(V({0, 3}, 1).str() == "Variable<float> (0, 3)\n[]");
  CHECK(V(std::nanf("")).str() == "Variable<float> () nan");
  CHECK(slice(V::from({{1, 2, 3}, {4, 5, 6}}), 1, 1).str() == "Variable<float> (2, 2)\n[[2, 3],\n [5, 6]]");
}

}  // namespace
