#include "unroll/layers/functional_call.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/linear_layer.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

/// A recurrent network with a readout of its last step.
struct Net {
  using value_type = double;
  Elman<double> rnn;
  Linear<double> readout;
  explicit Net(std::uint64_t seed) : Net(Generator(seed)) {}
  V operator()(const V& xs) const { return readout(rnn.last(rnn(xs))); }
  void visit(auto&& v) { v("rnn", rnn), v("readout", readout); }

 private:
  explicit Net(Generator&& rng) : rnn(2, 3, {}, rng), readout(3, 1, {}, rng) {}
};

struct Tied {
  using value_type = double;
  Linear<double> in, out;
  void visit(auto&& v) { v("in", in), v("out", out); }
};

template <class M>
Vs weights_of(const M& module) {
  Vs weights;
  for (const auto& p : parameters(module)) weights.push_back(p.variable);
  return weights;
}

const V support = random_parameter({4, 5, 2}, 20).detach(), query = random_parameter({4, 3, 2}, 21).detach();
const V support_y = random_parameter({5, 1}, 22).detach(), query_y = random_parameter({3, 1}, 23).detach();

}  // namespace

TEST_CASE("functional: runs a module with the weights of another, and leaves it as it was") {
  const Net a(1), b(2);
  const auto before = list(a(query));
  const V y = functional(a, weights_of(b), [&](const Net& net) { return net(query); });
  CHECK(list(y) == list(b(query)));
  CHECK(list(a(query)) == before);
}

TEST_CASE("functional: gradients flow to what the weights were computed from, and to nothing else") {
  const Net net(1);
  V scale = V({}, 0.5).requires_grad(true);
  const auto loss = [&] {
    Vs scaled;
    for (const V& w : weights_of(net)) scaled.push_back(w.detach() * scale);
    return functional(net, scaled, [&](const Net& m) { return mse(m(query), query_y); });
  };
  loss().backward();
  CHECK(scale.has_grad());
  for (const V& w : weights_of(net)) CHECK_FALSE(w.has_grad());
  gradcheck([&](const Vs&) { return loss(); }, {scale});
}

TEST_CASE("functional: a step of MAML agrees with finite differences, to second order") {
  const Net net(3);
  const Vs weights = weights_of(net);
  const auto adapted = [&](bool second_order) {
    const V inner = functional(net, weights, [&](const Net& m) { return mse(m(support), support_y); });
    const Vs g = grad({inner}, weights, {.create_graph = true});
    Vs result;
    for (std::size_t k = 0; k < g.size(); ++k)
      result.push_back(weights[k] - 0.5 * (second_order ? g[k] : g[k].detach()));
    return result;
  };
  const auto outer = [&](const Vs& w) {
    return functional(net, w, [&](const Net& m) { return mse(m(query), query_y); });
  };
  gradcheck([&](const Vs&) { return outer(adapted(true)); }, weights);
  // The differences see the second-order term: without it the gradient is another.
  CHECK_FALSE(passes_gradcheck([&](const Vs&) { return outer(adapted(false)); }, weights));
}

TEST_CASE("functional: what is tied stays tied") {
  Generator rng(1);
  Tied tied{{2, 2, {.bias = false}, rng}, {2, 2, {.bias = false}, rng}};
  tied.out.weight = tied.in.weight;
  const V w = random_parameter({2, 2}, 7);
  functional(tied, {w}, [&](const Tied& m) {
    CHECK(m.in.weight.same_as(w));
    CHECK(m.out.weight.same_as(w));
    return 0;
  });
}

TEST_CASE("functional: weights that do not fit are refused by name") {
  const Net net(1);
  Vs weights = weights_of(net);
  const auto run = [&] { functional(net, weights, [&](const Net& m) { return m(query); }); };
  weights[1] = V({3, 2}, 0.0);
  CHECK_THROWS_WITH_AS(run(), "functional: need rnn.weight_hh_l0 as (3, 3); got (3, 2)", ShapeError);
  weights[1] = V();
  CHECK_THROWS_WITH_AS(run(), "functional: the weight for rnn.weight_hh_l0 is an empty Variable", UsageError);
  weights.pop_back();
  CHECK_THROWS_WITH_AS(run(), "functional: the module has 6 parameters; got 5 weights", UsageError);
}
