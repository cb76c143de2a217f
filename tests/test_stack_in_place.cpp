#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/ops/stack_in_place.hpp"

using namespace unroll;
using namespace unroll::tests;
using detail::StackInPlace;

namespace {

using V = Variable<double>;

// (x, 2x, 3x), backwards in the stack if `reverse`; each value after another one that is thrown away.
V multiples(const V& x, bool reverse = false) {
  StackInPlace<double> stack("test op", 3, false);
  for (index_t k = 0; k < 3; ++k) {
    stack.begin(reverse ? 2 - k : k);
    const V other = x * 100.0, v = x * static_cast<double>(k + 1);
    stack.add(v);
  }
  return stack.finish();
}

}  // namespace

TEST_CASE("stack in place: values lie in their slices, in any order, and gradients flow back") {
  V x = values({2}, {1, 10});
  CHECK(list(multiples(x)) == std::vector<double>{1, 10, 2, 20, 3, 30});
  const V y = multiples(x, true);
  CHECK(list(y) == std::vector<double>{3, 30, 2, 20, 1, 10});
  sum(y * values({3, 1}, {1, 10, 100})).backward();
  CHECK(gradient_list(x) == std::vector<double>{123, 123});
}

TEST_CASE("stack in place: from the second value on, each is computed in its slice") {
  const V x = values({2}, {1, 10});
  StackInPlace<double> stack("test op", 3, false);
  std::vector<V> results;
  for (index_t k = 0; k < 3; ++k) {
    stack.begin(k);
    results.push_back(x * 2.0);
    const double* const computed_at = results.back().data();
    stack.add(results.back());
    if (k > 0) CHECK(results.back().data() == computed_at);
  }
  const V y = stack.finish();
  for (index_t k = 0; k < 3; ++k) CHECK(results[static_cast<std::size_t>(k)].data() == y.data() + 2 * k);
}

TEST_CASE("stack in place: a value that is computed in another way is copied, and spoils no other") {
  const V x = values({2}, {1, 10});
  StackInPlace<double> stack("test op", 3, false);
  std::vector<V> kept;
  for (index_t k = 0; k < 3; ++k) {
    stack.begin(k);
    kept.push_back(x * static_cast<double>(k + 1));
    stack.add(k == 1 ? x : kept.back());
  }
  const V y = stack.finish();
  CHECK(list(y) == std::vector<double>{1, 10, 1, 10, 3, 30});
  CHECK(list(kept[1]) == std::vector<double>{2, 20});
}

TEST_CASE("stack in place: joined values are rows, of different numbers") {
  V a = values({2, 1}, {1, 2}), b = values({1, 1}, {3});
  StackInPlace<double> stack("test op", 3, true);
  stack.begin(0, 2);
  stack.add(V(a * 2.0));
  stack.begin(2, 1);
  stack.add(V(b * 2.0));
  const V y = stack.finish();
  CHECK(y.shape() == Shape{3, 1});
  CHECK(list(y) == std::vector<double>{2, 4, 6});
  sum(y * values({3, 1}, {1, 10, 100})).backward();
  CHECK(gradient_list(a) == std::vector<double>{2, 20});
  CHECK(gradient_list(b) == std::vector<double>{200});
}

TEST_CASE("stack in place: memory is its own affair once it is gone, also after an error") {
  const V x = values({2}, {1, 10});
  {
    StackInPlace<double> abandoned("test op", 3, false);
    abandoned.begin(0);
    abandoned.add(V(x * 2.0));
    abandoned.begin(1);
  }
  CHECK(detail::Tape<double>::local().output_allocator == nullptr);
}
