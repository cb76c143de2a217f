#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/context.hpp"

using namespace unroll;
using namespace unroll::tests;
using detail::ColumnBlock;
using detail::ContextScope;

namespace {

using V = Variable<double>;

/// Repeats what it is asked.
struct Named final : detail::Context {
  explicit Named(std::string name) : name(std::move(name)) {}
  std::string describe(const ColumnBlock& block) const override {
    return fmt::format("{}, block {} of {}: ", name, block.number, block.count);
  }
  std::string describe(const detail::Elements& bad) const override {
    return fmt::format("{}, from row {}, columns {} to {} of {}: ", name, bad.first, bad.begin, bad.end,
                       bad.columns);
  }
  std::string name;
};

std::shared_ptr<const detail::Context> named(const char* name) { return std::make_shared<Named>(name); }

/// What anomaly mode says before it names the op.
template <class F>
std::string place_of_anomaly(F&& f) {
  const AnomalyMode on(true);
  const std::string message = message_of<UsageError>(f);
  return message.substr(0, message.find(": ", message.find(": ") + 2));
}

constexpr double big = 1e308;

}  // namespace

TEST_CASE("context: scopes nest, and one without a context changes nothing") {
  CHECK(!ContextScope::current());
  const auto outer = named("outer"), inner = named("inner");
  {
    const ContextScope a(outer);
    {
      const ContextScope b(nullptr);
      CHECK(ContextScope::current() == outer);
      const ContextScope c(inner);
      CHECK(ContextScope::current() == inner);
    }
    CHECK(ContextScope::current() == outer);
  }
  CHECK(!ContextScope::current());
}

TEST_CASE("context: a view holds a block of its parent's columns, also where that has one row") {
  for (const index_t rows : {1, 3}) {
    const V x = random_parameter({rows, 8}, 1);
    const auto parts = chunk<4>(x);
    CHECK(detail::column_block(*parts[2].tensor()) == ColumnBlock{2, 4});
    CHECK(detail::column_block(*x.tensor()).is_whole());
    CHECK(detail::column_block(*slice(x, 1, 1, 4).tensor()).is_whole());
  }
}

TEST_CASE("context: it is asked about the block that the inputs of a bad op share") {
  const ContextScope scope(named("here"));
  const V x = values({2, 4}, {1, 1, 1, 1, 1, 1, -1, 1});
  const auto [a, b] = chunk<2>(x);
  CHECK(place_of_anomaly([a = a, b = b] { V(a + log(b)); }) == "anomaly: here, block 1 of 2");
  CHECK(place_of_anomaly([a = a, b = b] { V(log(a + b - 1.0)); }) == "anomaly: here, block 0 of 1");
}

TEST_CASE("context: it is asked about the bad elements of an array") {
  const ContextScope scope(named("here"));
  const V w = values({4, 1}, {1, big, big, 1}), x = values({3, 1}, {1, 10, 10});
  CHECK(place_of_anomaly([&] { V(linear(x, w)); }) == "anomaly: here, from row 1, columns 1 to 3 of 4");
}

TEST_CASE("context: in backward it is the one in which the op was recorded") {
  const AnomalyMode on;
  const V x = values({2}, {4, 0});
  V y;
  {
    const ContextScope scope(named("then"));
    y = sqrt(x) * x;
  }
  const ContextScope scope(named("now"));
  const std::string message = message_of<UsageError>([&] { sum(sqrt(V(y * 0.0))).backward(); });
  CHECK(message.starts_with("anomaly: now, from row 0, columns 0 to 2 of 2: backward of "));
  V z;
  {
    const ContextScope earlier(named("then"));
    z = sum(sqrt(x * 0.0));
  }
  CHECK(message_of<UsageError>([&] { z.backward(); }).starts_with("anomaly: then, "));
}
