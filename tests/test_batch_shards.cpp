#include <doctest/doctest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "arrays.hpp"
#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/products.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/detail/autograd/core/parallel.hpp"
#include "unroll/detail/autograd/ops/batch_shards.hpp"
#include "unroll/detail/autograd/ops/lookup.hpp"

using namespace unroll;
using namespace unroll::tests;
using detail::BatchRows;

namespace {

using V = Variable<double>;

/// y = x w and z = s ⊙ s, of x (2, B, 3), w (3, 3) and s (B, 3).
struct Computation {
  V x = random_parameter({2, 7, 3}, 1), w = random_parameter({3, 3}, 2), s = random_parameter({7, 3}, 3);

  std::vector<V> whole() const { return {V(linear(x, w)), V(s * s)}; }
  std::vector<V> in_shards(int count) const {
    detail::ShardedComputation<double> c{"test op", 7, {w}, {{x, 1}, {s, 0}}, {}};
    c.prepare = [](BatchRows, const std::vector<V>& shared) {
      return [w = shared[0]](const std::vector<V>& divided) -> std::vector<detail::BatchArray<double>> {
        return {{V(linear(divided[0], w)), 1}, {V(divided[1] * divided[1]), 0}};
      };
    };
    return detail::compute_in_shards(c, count);
  }
  /// The values, and the gradients of a loss of both.
  std::vector<double> learn(const std::vector<V>& results) {
    for (V* v : {&x, &w, &s}) v->zero_grad();
    std::vector<double> all;
    const auto append = [&](const std::vector<double>& more) {
      all.insert(all.end(), more.begin(), more.end());
    };
    for (const V& r : results) append(list(r));
    V(sum(square(results[0])) + sum(results[1])).backward();
    for (V* v : {&x, &w, &s}) append(gradient_list(*v));
    return all;
  }
};

}  // namespace

TEST_CASE("batch rows: those of any axis are taken out of an array, dense or cut") {
  const V x = random_parameter({2, 4, 3}, 1);
  const BatchRows rows{1, 2};
  CHECK(list(rows.of(*x.tensor(), 1)) == list(slice(x, 1, 1, 3)));
  CHECK(list(rows.of(*slice(x, 2, 0, 2).tensor(), 1)) == list(slice(slice(x, 2, 0, 2), 1, 1, 3)));
  const Indices all(Shape{2, 3}, {0, 1, 2, 3, 4, 5});
  const Indices some = rows.of(all, 1);
  CHECK(some.shape() == Shape{2, 2});
  CHECK(std::vector<std::int64_t>(some.begin(), some.end()) == std::vector<std::int64_t>{1, 2, 4, 5});
}

TEST_CASE("batch shards: values and gradients are those of the whole") {
  Computation c;
  const std::vector<double> whole = c.learn(c.whole());
  for (const int count : {1, 2, 3, 7})
    CHECK(distance(c.learn(c.in_shards(count)), whole) < 1e-14);  // sums of seven products in another order
}

TEST_CASE("batch shards: the bits are the same whichever threads compute forward and backward") {
  using Whom = detail::PartsGoTo::Whom;
  constexpr Whom ways[] = {Whom::whoever_is_free, Whom::caller, Whom::helpers, Whom::last_to_caller};
  Computation c;
  const std::vector<double> expected = c.learn(c.in_shards(3));
  for (const Whom forward : ways) {
    for (const Whom backward : ways) {
      const std::vector<V> results = [&] {
        const detail::PartsGoTo scope(forward);
        return c.in_shards(3);
      }();
      const detail::PartsGoTo scope(backward);
      CHECK(c.learn(results) == expected);
    }
  }
}

TEST_CASE("batch shards: one op is recorded, none without gradients, and it has no second derivative") {
  Computation c;
  const std::uint64_t before = tape_stats<double>().recorded;
  const std::vector<V> results = c.in_shards(2);
  CHECK(tape_stats<double>().recorded == before + 1);
  const std::string message =
      message_of<UsageError>([&] { grad(V(sum(results[0])), c.w, {.create_graph = true}); });
  CHECK(message.starts_with("grad: a test op divided over threads has no second derivative; "));
  const NoGrad off;
  CHECK(!c.in_shards(2)[0].requires_grad());
}

TEST_CASE("batch shards: what grad() does not ask for gets no gradient, and the next pass all of them") {
  Computation c;
  const std::vector<V> results = c.in_shards(2);
  const V loss = V(sum(square(results[0])) + sum(results[1]));
  const V ds = grad(loss, c.s, {.retain_graph = true});
  CHECK(distance(list(ds), list(V(c.s * 2.0))) == 0);
  CHECK(!c.w.has_grad());
  loss.backward();
  CHECK(c.w.has_grad());
  CHECK(c.x.has_grad());
}

TEST_CASE("in parallel: threads work as their caller, and count its products") {
  const detail::PartsGoTo scope(detail::PartsGoTo::Whom::helpers);
  const AnomalyMode anomaly;
  std::vector<std::thread::id> ids(3);
  std::atomic<int> recording = 0;
  const auto before = blas::counters().calls;
  detail::in_parallel(3, false, [&](int k) {
    ids[static_cast<std::size_t>(k)] = std::this_thread::get_id();
    recording += NoGrad::active() ? 0 : 1;
    CHECK(AnomalyMode::active());
    CHECK(!AnomalyMode::bad(std::numeric_limits<double>::infinity()));
    CHECK(num_threads() == 1);
    matmul(V(Shape{2, 2}, 1.0), V(Shape{2, 2}, 1.0));
  });
  CHECK(ids[0] == std::this_thread::get_id());
  CHECK(ids[1] != ids[0]);
  CHECK(recording == 0);
  CHECK(!NoGrad::active());
  CHECK(blas::counters().calls == before + 3);
}

TEST_CASE("in parallel: all end before the first error is thrown") {
  std::atomic<int> ended = 0;
  const std::string message = message_of<UsageError>([&] {
    detail::in_parallel(3, true, [&](int k) {
      ++ended;
      if (k > 0) raise<UsageError>("number {}", k);
    });
  });
  CHECK(message == "number 1");
  CHECK(ended == 3);
}

TEST_CASE("lookup: the table and the rows are known unless the gradient of the rows is watched") {
  const V table = random_parameter({3, 2}, 1);
  const Indices rows({2, 0});
  V x = gather(table, rows);
  const auto lookup = detail::lookup_of(x);
  REQUIRE(lookup.has_value());
  CHECK(lookup->table.same_as(table));
  CHECK(lookup->rows[0] == 2);
  CHECK(!detail::lookup_of(V(x * 2.0)).has_value());
  CHECK(!detail::lookup_of(table).has_value());
  V(sum(x)).backward();
  CHECK(!detail::lookup_of(x).has_value());  // released
  V watched = gather(table, rows);
  watched.retain_grad();
  CHECK(!detail::lookup_of(watched).has_value());
}
