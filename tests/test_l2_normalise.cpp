#include "unroll/autograd/l2_normalise.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("l2_normalise: rows are 1 long, but for those below eps") {
  const auto x = values({3, 2}, {3, 4, 0, 0, 0.3, -0.4});
  CHECK(distance(list(l2_normalise(x)), {0.6, 0.8, 0, 0, 0.6, -0.8}) < 1e-15);         // one rounding
  CHECK(distance(list(l2_normalise(x, -1, 1)), {0.6, 0.8, 0, 0, 0.3, -0.4}) < 1e-15);  // as above
  CHECK(distance(list(l2_normalise(values({2, 2}, {3, 0, 4, 2}), 0)), {0.6, 0, 0.8, 1}) < 1e-15);
  CHECK(list(l2_normalise(x * 1.0)) == list(l2_normalise(x)));
}

TEST_CASE("l2_normalise: below eps the length is a constant, a row of 0 has gradient 0") {
  const auto x = values({2, 2}, {0.3, 0.4, 0, 0});
  for (bool create_graph : {false, true}) {
    const Variable<double> g = grad(sum(l2_normalise(x, -1, 2)), x, {.create_graph = create_graph});
    CHECK(list(g) == std::vector<double>{0.5, 0.5, 0, 0});
  }
}

TEST_CASE_TEMPLATE("l2_normalise: rows whose squares overflow or vanish", T, float, double) {
  const double largest = std::numeric_limits<T>::max(), least = std::numeric_limits<T>::min();
  for (double scale :
       {1.0, largest / 5, largest / 4.0001, least, least * 8, std::sqrt(largest), std::sqrt(least)}) {
    CAPTURE(sizeof(T));
    CAPTURE(scale);
    const auto x = values<T>({1, 2}, {3 * scale, 4 * scale});
    const std::vector<double> y = list(l2_normalise(x, -1, 0));
    // Some roundings; an exponent more of denormal numbers would show.
    CHECK(distance(y, {0.6, 0.8}) < 1e-6);
    if (scale > 1e-30 && scale < 1e30) {
      for (bool create_graph : {false, true}) {
        const Variable<T> seed = values<T>({1, 2}, {1, 0}).detach();
        const auto g =
            list(grad<T>({l2_normalise(x, -1, 0)}, {x}, {.create_graph = create_graph}, {seed})[0]);
        CHECK(g[0] * scale == doctest::Approx(0.64 / 5).epsilon(1e-5));
        CHECK(g[1] * scale == doctest::Approx(-0.48 / 5).epsilon(1e-5));
      }
    }
  }
  // The length itself is beyond the largest number.
  const std::vector<double> y = list(l2_normalise(values<T>({1, 4}, {largest, -largest, largest, largest})));
  CHECK(distance(y, {0.5, -0.5, 0.5, 0.5}) < 1e-6);
}

TEST_CASE("l2_normalise: idle rows leak nothing, others show NaN") {
  const double inf = std::numeric_limits<double>::infinity();
  const auto x = values({3, 2}, {inf, 1, std::nan(""), 1, 3, 4});
  const auto seed = values({3, 2}, {0, 0, 0, 0, 1, 0}).detach();
  for (bool create_graph : {false, true}) {
    const auto g = list(grad<double>({l2_normalise(x)}, {x}, {.create_graph = create_graph}, {seed})[0]);
    CHECK(distance(g, {0, 0, 0, 0, 0.64 / 5, -0.48 / 5}) < 1e-15);  // one rounding
  }
  CHECK(std::isnan(list(l2_normalise(x))[2]));
}
