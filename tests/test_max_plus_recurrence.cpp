#include "unroll/autograd/max_plus_recurrence.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using Real = Variable<double>;

/// The recurrence of one row after the other, on plain numbers: all m, then the last of each row.
std::vector<double> plain_max_plus(const Real& a, const Real& b, const Real& m0, const RecurrenceOptions& o) {
  const index_t time = a.shape()[0], rows = a.shape()[1], cols = a.size() / time / rows;
  std::vector<double> m(static_cast<std::size_t>(a.size())), last = list(m0);
  for (index_t r = 0; r < rows; ++r) {
    const index_t length = o.lengths.size() > 0 ? o.lengths[r] : time;
    for (index_t k = 0; k < length; ++k) {
      const index_t t = o.reverse ? length - 1 - k : k, begin = o.reverse ? t + 1 : t;
      const bool fresh = o.resets.size() > 0 && !(o.reverse && k == 0) && o.resets[begin * rows + r] != 0;
      for (index_t c = 0; c < cols; ++c) {
        double& v = last[static_cast<std::size_t>(r * cols + c)];
        const index_t at = (t * rows + r) * cols + c;
        v = std::max(a.data()[at] + (fresh ? 0 : v), b.data()[at]);
        m[static_cast<std::size_t>(at)] = v;
      }
    }
  }
  m.insert(m.end(), last.begin(), last.end());
  return m;
}

std::vector<RecurrenceOptions> max_plus_ways() {
  const Indices lengths = {3, 0, 5}, resets(Shape{5, 3}, {0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1});
  std::vector<RecurrenceOptions> ways;
  for (const bool reverse : {false, true})
    for (const auto& [of_lengths, of_resets] :
         {std::pair<Indices, Indices>{{}, {}}, {lengths, {}}, {{}, resets}, {lengths, resets}})
      ways.push_back({.reverse = reverse, .lengths = of_lengths, .resets = of_resets});
  return ways;
}

}  // namespace

TEST_CASE(
    "max_plus_recurrence: equals the plain loop with lengths, resets and in reverse, and so do its "
    "gradients") {
  const Real a = random_parameter({5, 3, 2}, 1, -1, 0), b = random_parameter({5, 3, 2}, 2),
             m0 = random_parameter({3, 2}, 3);
  for (const RecurrenceOptions& o : max_plus_ways()) {
    CAPTURE(o.reverse);
    CAPTURE(o.lengths.size());
    CAPTURE(o.resets.size());
    const auto run = [&](const auto&) {
      auto [m, last] = max_plus_recurrence(a, b, m0, o);
      return std::vector<Real>{m, last};
    };
    std::vector<double> mine;
    for (const Real& v : run(0))
      for (const double x : list(v)) mine.push_back(x);
    CHECK(mine == plain_max_plus(a, b, m0, o));
    gradcheck(run, {a, b, m0}, {.full = true});
    const auto squares = [&](const auto& in) {
      auto [m, last] = max_plus_recurrence(in[0] * in[0] - 1.0, in[1] * in[1], in[2] * in[2], o);
      return Real(sum(m * m) + sum(last * last));
    };
    gradgradcheck(squares, {a, b, m0});
  }
}

TEST_CASE("max_plus_recurrence: equal terms share the gradient by halves") {
  const auto a = values<double>({2}, {-1, -2}), b = values<double>({2}, {1, -1}),
             m0 = values<double>({}, {2});
  const auto m = max_plus_recurrence(a, b, m0).output;  // 2 − 1 = 1; 1 − 2 = −1
  CHECK(list(m) == std::vector<double>{1, -1});
  m.backward(values<double>({2}, {0, 1}).detach());
  CHECK(gradient_list(a) == std::vector<double>{0.25, 0.5});
  CHECK(gradient_list(b) == std::vector<double>{0.25, 0.5});
  CHECK(gradient_list(m0) == std::vector<double>{0.25});
}

TEST_CASE("max_plus_recurrence: −∞, NaN and gradients that are not finite stay where they are") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const auto a = values<double>({3, 2}, {-1, 0, -infinity, nan, -1, 0}),
             b = values<double>({3, 2}, {-infinity, 1, 3, 0, 0, 5}), m0 = values<double>({2}, {-infinity, 0});
  const auto m = max_plus_recurrence(a, b, m0).output;
  const std::vector<double> got = list(m);
  CHECK(got[0] == -infinity);
  CHECK(got[2] == 3);
  CHECK(got[4] == 2);
  CHECK(std::isnan(got[3]));
  CHECK(std::isnan(got[5]));
  m.backward(values<double>({3, 2}, {0, nan, 0, 0, 1, 0}).detach());
  const std::vector<double> da = gradient_list(a), db = gradient_list(b);
  CHECK((da[4] == 1 && db[2] == 1 && da[2] == 0 && db[4] == 0));
  CHECK((da[1] == 0 && std::isnan(db[1])));  // b alone was taken
}

TEST_CASE("max_plus_recurrence: operands that are one array get both gradients") {
  const Real x = random_parameter({6, 3}, 4);
  gradcheck([&](const auto&) { return max_plus_recurrence(x, x, select(x, 0, 0)).output; }, {x},
            {.full = true});
  const Real y = random_parameter({6, 3}, 5);
  gradcheck(
      [&](const auto&) {
        return max_plus_recurrence(slice(y, 0, 0, 5), slice(y, 0, 1, 6), select(y, 0, 2)).output;
      },
      {y}, {.full = true});
}

TEST_CASE("max_plus_recurrence: names what does not fit") {
  const Real a({5, 3, 4}, -1.0), m0({3, 4}, 0.0);
  CHECK(message_of<ShapeError>([&] {
          max_plus_recurrence(a, Real({5, 3, 1}, 0.0), m0);
        }) == "max_plus_recurrence: need a and b (T, …) and m0 (…); got a (5, 3, 4), b (5, 3, 1), m0 (3, 4)");
  CHECK_THROWS_AS(max_plus_recurrence(a, a, Real({4}, 0.0)), ShapeError);
  CHECK_THROWS_AS(max_plus_recurrence(Real(1.0), Real(1.0), m0), ShapeError);
  CHECK(message_of<IndexError>([&] {
          max_plus_recurrence(a, a, m0, {.lengths = {1, 6, 2}});
        }) == "max_plus_recurrence: need lengths from 0 to 5; got 6 for sequence 1");
  CHECK(message_of<UsageError>([&] { max_plus_recurrence(a, a, Real()); }) ==
        "max_plus_recurrence: argument 3 is an empty Variable; assign a value to it first");
  const auto none = max_plus_recurrence(Real({0, 3, 4}, 0.0), Real({0, 3, 4}, 0.0), m0 * 1.0);
  CHECK((none.output.shape() == Shape{0, 3, 4} && none.state.shape() == Shape{3, 4}));
}
