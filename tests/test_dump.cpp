#include "unroll/autograd/dump.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

// Keeps what a recurrence records alive.
struct Recurrence {
  V x = random_parameter({2, 3}, 1).set_name("x"), u = random_parameter({8, 4}, 2).set_name("u"),
    w = random_parameter({8, 3}, 3).set_name("w");
  V loss;

  explicit Recurrence(int steps) {
    V h(Shape{2, 4}, 0.0);
    h = tanh(h + slice(linear(x, w), 1, 0, 4));
    for (int t = 0; t < steps; ++t) {
      const auto [a, b] = chunk<2>(linear(h, u));
      h = tanh(a) * sigmoid(b);
    }
    loss = sum(h);
  }
};

}  // namespace

TEST_CASE("dump: names op, result, bytes and inputs, in order") {
  const V x = random_parameter({2, 3}, 1).set_name("x");
  const V y = tanh(x * x), part = chunk<3>(y)[1], z = sum(part);
  const std::string text = dump_tape<double>();
  CHECK(text ==
        "tanh(mul(x, x))    (2, 3)          48 B  from 2 x x (2, 3)\n"
        "chunk              (2, 1)          view  from (2, 3)\n"
        "sum                ()               8 B  from (2, 1)\n"
        "3 ops, 56 B\n");
}

TEST_CASE("dump: an empty tape") {
  CHECK(dump_tape<float>() == "0 ops, 0 B\n");
  CHECK(dump_tape_dot<float>() == "digraph tape {\n  node [shape=box];\n}\n");
}

TEST_CASE("dump: time steps are shown once, with how many there are") {
  const Recurrence r(50);
  const std::string text = dump_tape<double>();
  CHECK(count(text, "50 times:\n") == 1);
  CHECK(count(text, "from (2, 4), u (8, 4)") == 1);
  CHECK(count(text, "\n") < 12);
  CHECK(text.find(fmt::format("{} ops, ", tape_stats<double>().live)) != std::string::npos);
  const std::string whole = dump_tape<double>({.roll = false});
  CHECK(count(whole, "u (8, 4)") == 50);
  CHECK(count(whole, "\n") == tape_stats<double>().live + 1);
}

TEST_CASE("dump: the graph shows a step once, with edges from step to step") {
  const Recurrence r(50);
  const std::string dot = dump_tape_dot<double>();
  CHECK(dot.starts_with("digraph tape {\n"));
  CHECK(dot.ends_with("}\n"));
  CHECK(count(dot, "label=\"50 times\"") == 1);
  CHECK(count(dot, "[style=dashed]") == 1);
  CHECK(count(dot, "shape=ellipse") == 3);
  CHECK(count(dot, "u (8, 4)") == 1);
  CHECK(count(dot, "subgraph") == 1);
  CHECK(count(dump_tape_dot<double>({.roll = false}), "subgraph") == 0);
}

TEST_CASE("dump: what a pass has released is marked") {
  const V x = random_parameter({2}, 1);
  const V y = sum(x * x);
  y.backward();
  CHECK(dump_tape<double>().find("released") != std::string::npos);
}

TEST_CASE("dump: quotes in names are escaped") {
  const V x = random_parameter({2}, 1).set_name("a \"b\"");
  const V y = x * 2.0;
  CHECK(dump_tape_dot<double>().find("a \\\"b\\\" (2,)") != std::string::npos);
}
