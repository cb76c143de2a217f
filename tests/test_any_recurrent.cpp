#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "arrays.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/any_recurrent.hpp"
#include "unroll/layers/cell_stack.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

const Indices ragged = {2, 4, 0};

bool same(const V& a, const V& b) { return a.shape() == b.shape() && list(a) == list(b); }

Lstm<double> lstm() {
  Generator rng(1);
  return Lstm<double>(3, 2, {.num_layers = 2, .bidirectional = true}, rng);
}

std::string names(const auto& module) {
  std::string text;
  for (const auto& p : parameters(module)) text += p.name + " ";
  return text;
}

}  // namespace

TEST_CASE("any recurrent: outputs, states and sizes are those of the layer") {
  const Lstm<double> layer = lstm();
  const AnyRecurrent any = layer;
  const V x = random_parameter({4, 3, 3}, 50);
  const auto start =
      map_state(layer.initial_state(3), [](const V& v) { return random_parameter(v.shape(), 9); });
  AnyState<double> named{.members = {{"h", start.h}, {"c", start.c}}};

  const auto a = layer(x, start, {.lengths = ragged});
  const auto b = any(x, named, {.lengths = ragged});
  CHECK(same(a.output, b.output));
  REQUIRE(b.state.members.size() == 2);
  CHECK(b.state.members[0].name == "h");
  CHECK(b.state.members[1].name == "c");
  CHECK(same(a.state.h, output_of(b.state)));
  CHECK(same(a.state.c, b.state.members[1].variable));
  CHECK(same(layer.last(a), any.last(b)));
  CHECK(same(layer(x).output, any(x, any.initial_state(3)).output));
  CHECK(same(layer(x, {.lengths = ragged}).output, any(x, {.lengths = ragged}).output));
  CHECK(any.input_size() == 3);
  CHECK(any.hidden_size() == 2);
  CHECK(any.output_size() == 2);
  CHECK(any.state_size() == layer.state_size());
  CHECK(any.directions() == 2);
  CHECK(any.num_layers() == 2);
}

TEST_CASE("any recurrent: a module with the parameters and modes of its layer") {
  const Lstm<double> layer = lstm();
  AnyRecurrent any = layer;
  CHECK(names(any) == names(layer));
  AnyRecurrent copy = any;
  CHECK(parameters(copy)[0].variable.same_as(parameters(layer)[0].variable));
  CHECK(!parameters(clone(any))[0].variable.same_as(parameters(layer)[0].variable));
  eval(copy);
  CHECK(!copy.training());
  CHECK(any.training());
  any = Gru<double>(3, 2);
  CHECK(parameters(any)[0].variable.shape() == Shape{6, 3});
}

TEST_CASE("any recurrent: the members of a state are found by name, in any order") {
  const AnyRecurrent any = lstm();
  const V x = random_parameter({4, 3, 3}, 50);
  AnyState<double> state = any(x).state;
  const V expected = any(x, state).output;
  std::swap(state.members[0], state.members[1]);
  CHECK(same(any(x, state).output, expected));
  state.members[0].name = "memory";
  CHECK(message_of<UsageError>([&] { any(x, state); }) ==
        "any recurrent: need a state of h, c; got memory, h");
  state.members.pop_back();
  CHECK_THROWS_AS(any(x, state), UsageError);
}

TEST_CASE("any recurrent: a state may have several members of one name, and its output is the top layer's") {
  Generator rng(1);
  const Recurrent layer(
      3, [&](index_t size) { return CellStack<GruCell<double>>(size, 2, 2, 0, rng); }, {}, rng);
  const AnyRecurrent any = layer;
  const V x = random_parameter({4, 3, 3}, 50);
  const auto a = layer(x, layer(x).state);
  const auto b = any(x, any(x).state);
  CHECK(same(a.output, b.output));
  REQUIRE(b.state.members.size() == 2);
  CHECK(same(a.state.layers[1], output_of(b.state)));
}

TEST_CASE("any recurrent: gradients reach the weights of the layer, and the state that was given") {
  const Gru<double> layer(3, 2);
  const AnyRecurrent any = layer;
  const V h = random_parameter({1, 3, 2}, 7);
  sum(any(random_parameter({4, 3, 3}, 50), {.members = {{"h", h}}}).output).backward();
  CHECK(layer.cell(0).weight_hh.has_grad());
  CHECK(h.has_grad());
}

TEST_CASE("any recurrent: without a layer it has no parameters and says that it cannot run") {
  const AnyRecurrent<double> none;
  CHECK(!none);
  CHECK(parameters(none).empty());
  CHECK(none.state_size() == 0);
  CHECK(message_of<UsageError>([&] {
          none(V({4, 3, 3}, 0.0));
        }) == "any recurrent: there is no layer; assign one first");
  CHECK(message_of<UsageError>([] { output_of(AnyState<double>()); }) ==
        "any recurrent: the output of a state without members; run the layer, or use initial_state()");
}
