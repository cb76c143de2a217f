#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/core/backward_from.hpp"
#include "unroll/detail/autograd/core/without_hooks.hpp"

using namespace unroll;
using namespace unroll::tests;

using V = Variable<double>;

TEST_CASE("without hooks: none runs inside, all run afterwards, also where the pass failed") {
  V w = values({2}, {1, 2}), plain = values({2}, {1, 1});
  int calls = 0;
  w.register_hook([&](const V& g) {
    ++calls;
    return V(g * 10.0);
  });
  try {
    const detail::WithoutHooks<double> without({w, plain});
    sum(w * plain).backward();
    CHECK(calls == 0);
    CHECK(gradient_list(w) == std::vector<double>{1, 1});
    raise<UsageError>("stop");
  } catch (const UsageError&) {
  }
  w.zero_grad();
  sum(w * plain).backward();
  CHECK(calls == 1);
  CHECK(gradient_list(w) == std::vector<double>{10, 10});
}

TEST_CASE("backward from: several results make one pass, and each is weighted by its seed") {
  V w = values({2}, {3, 5});
  int passes = 0;
  w.register_hook([&](const V&) {
    ++passes;
    return V();
  });
  const V both = square(w), first = w * w;
  const std::vector<V> seeds = {V(Shape{2}, 1.0), V(Shape{2}, 10.0)};
  detail::backward_from<double>({both, first}, seeds, true);
  CHECK(passes == 1);
  CHECK(gradient_list(w) == std::vector<double>{66, 110});
  detail::backward_from<double>({both, first}, seeds, false);
  CHECK(gradient_list(w) == std::vector<double>{132, 220});
  CHECK_THROWS_AS(detail::backward_from<double>({both}, {seeds[0]}, false), UsageError);
}
