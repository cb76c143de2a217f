#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/core/leaf_snapshot.hpp"

using namespace unroll;
using namespace unroll::tests;
using detail::LeafSnapshot;

namespace {

using V = Variable<double>;

void set(V& v, double x) {
  v.update([&](auto& value) { value.fill(x); });
}

}  // namespace

TEST_CASE("leaf snapshot: inside its scope a backward pass takes leaves as they were") {
  V w = values({2}, {3, 5});
  const V loss = sum(square(w));
  LeafSnapshot<double> snapshot({loss}, {});
  set(w, 100);
  CHECK_THROWS_AS(loss.backward(), UsageError);
  {
    const LeafSnapshot<double>::Scope then(&snapshot);
    CHECK(list(w) == std::vector<double>{3, 5});
    loss.backward();
  }
  CHECK(gradient_list(w) == std::vector<double>{6, 10});
  CHECK(list(w) == std::vector<double>{100, 100});
}

TEST_CASE("leaf snapshot: what was not updated, or is excepted, or is constant stays where it is") {
  V w = values({1}, {3}), left = values({1}, {5}), excepted = values({1}, {7});
  const V constant(Shape{1}, 11.0);
  const V loss = sum(w * left * excepted * constant);
  LeafSnapshot<double> snapshot({loss}, {excepted});
  const double *const at = left.data(), *const constant_at = constant.data();
  set(w, 0);
  set(excepted, 13);
  const LeafSnapshot<double>::Scope then(&snapshot);
  CHECK(w.item() == 3);
  CHECK(excepted.item() == 13);
  CHECK(left.data() == at);
  CHECK(constant.data() == constant_at);
}

TEST_CASE("leaf snapshot: what shares a leaf's memory goes back with it; no snapshot changes nothing") {
  V w = values({4}, {1, 2, 3, 4});
  const V tail = w.detach();
  const V loss = sum(w * tail);
  LeafSnapshot<double> snapshot({loss}, {});
  set(w, 9);
  {
    const LeafSnapshot<double>::Scope none(nullptr);
    CHECK(list(tail) == std::vector<double>{9, 9, 9, 9});
  }
  const LeafSnapshot<double>::Scope then(&snapshot);
  loss.backward();
  CHECK(gradient_list(w) == std::vector<double>{1, 2, 3, 4});
}
