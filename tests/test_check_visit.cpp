#include "unroll/layers/check_visit.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/recompute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

/// Forgets to show what its `forgets` is.
struct Forgetful {
  using value_type = double;
  V w = random_parameter({2, 3}, 1), u = random_parameter({2, 2}, 2), b = random_parameter({2}, 3);
  bool forgets = true;
  V operator()(const V& x) const { return tanh(linear(tanh(linear(x, w)), u, b)); }
  template <class Visitor>
  void visit(Visitor&& v) {
    v("w", w);
    if (!forgets) v("u", u), v("b", b);
  }
};

struct Twice {
  using value_type = double;
  V a = random_parameter({2, 3}, 1), b = random_parameter({2, 3}, 2);
  void visit(auto&& v) { v("w", a), v("w", b); }
};

const V x = random_parameter({4, 3}, 9).detach();

std::string message_of(const auto& f) {
  try {
    f();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("check_visit: names every leaf that is read and not shown") {
  Forgetful model;
  model.b.set_name("bias");
  CHECK(message_of([&] { check_visit(model, [&] { return model(x); }); }) ==
        "check_visit: parameters that visit() does not show are neither trained nor saved: (2, 2), read by "
        "linear; bias (2,), read by linear; show them, or list what is an input");
  model.forgets = false;
  check_visit(model, [&] { return model(x); });
}

TEST_CASE("check_visit: an input that requires a gradient is no parameter where it is listed") {
  Forgetful model;
  model.forgets = false;
  const V in = random_parameter({4, 3}, 5);
  CHECK(message_of([&] { check_visit(model, [&] { return model(in); }); }).find("(4, 3), read by linear") !=
        std::string::npos);
  check_visit(model, [&](const Vs& inputs) { return model(inputs[0]); }, {in});
}

TEST_CASE("check_visit: what is frozen is not trained, and need not be shown") {
  Forgetful model;
  model.u.requires_grad(false), model.b.requires_grad(false);
  check_visit(model, [&] { return model(x); });
}

TEST_CASE("check_visit: sees through layers, views, recomputation and threads") {
  Generator rng(3);
  Lstm<double> lstm(3, 16, {.num_layers = 2, .bidirectional = true}, rng);
  const V xs = random_parameter({6, 128, 3}, 4).detach();
  const int threads = num_threads();
  set_num_threads(2);
  check_visit(lstm, [&] { return lstm(xs, {.segment = 2}).output; });
  Forgetful model;
  CHECK(message_of([&] {
          check_visit(model, [&] { return recompute<double>([&] { return Vs{model(x)}; }); });
        }).find("(2, 2), read by recompute") != std::string::npos);
  CHECK(num_threads() == 2);
  set_num_threads(threads);
}

TEST_CASE("check_visit: a function of which nothing is recorded is a mistake") {
  const Forgetful model;
  CHECK_THROWS_AS(check_visit(model, [&] { return model(x).detach(); }), UsageError);
  CHECK_THROWS_AS(check_visit(model,
                              [&] {
                                const NoGrad off;
                                return model(x);
                              }),
                  UsageError);
}

TEST_CASE("gradcheck of a module: checks its parameters and inputs, and visit") {
  Forgetful model;
  const auto loss = [&](const Vs& in) { return sum(square(model(in[0]))); };
  CHECK_THROWS_AS(gradcheck(model, loss, {random_parameter({4, 3}, 6)}), UsageError);
  model.forgets = false;
  gradcheck(model, loss, {random_parameter({4, 3}, 6)});
  gradcheck(model, [&] { return model(x); });
}

TEST_CASE("gradcheck of a module: finds a wrong gradient of a parameter") {
  Forgetful model;
  model.forgets = false;
  const auto wrong = [&] { return V(model(x) + 0.0 * sum(model.w) + sum(model.w.detach())); };
  CHECK_THROWS_AS(gradcheck(model, wrong), GradcheckError);
}

TEST_CASE("gradgradcheck and jvpcheck of a module: check its parameters and inputs, and visit") {
  Forgetful model;
  const Vs in = {random_parameter({4, 3}, 6)};
  const auto loss = [&](const Vs& inputs) { return sum(square(model(inputs[0]))); };
  CHECK_THROWS_AS(gradgradcheck(model, loss, in), UsageError);
  CHECK_THROWS_AS(jvpcheck(model, loss, in), UsageError);
  model.forgets = false;
  gradgradcheck(model, loss, in);
  jvpcheck(model, loss, in);
  const auto wrong = [&] {
    return V(model(x) + sum(model.w * model.w.detach()));
  };  // the second factor stands still
  CHECK_THROWS_AS(gradgradcheck(model, wrong), GradcheckError);
  CHECK_THROWS_AS(jvpcheck(model, wrong), GradcheckError);
}

TEST_CASE("check_visit: a parameter that is the result of an op is named with the op") {
  Forgetful model;
  model.forgets = false;
  model.u = model.u * 0.5;
  CHECK(message_of([&] { check_visit(model, [&] { return model(x); }); }) ==
        "check_visit: u is the result of mul(x, c); a parameter must be a leaf: change it by update()");
}

TEST_CASE("check_visit: a module none of whose parameters requires a gradient is not trained") {
  Forgetful model;
  model.forgets = false;
  freeze(model);
  CHECK(message_of([&] { check_visit(model, [&] { return model(x); }); }) ==
        "check_visit: no parameter of the module requires a gradient; call requires_grad(true) on those to "
        "train, or unfreeze(module)");
  const auto f = [&](const Vs& in) { return model(in[0]); };
  gradcheck(model, f, {random_parameter({4, 3}, 5)});  // of a frozen model by its input
}

TEST_CASE("check_visit: a name that is given twice is a mistake") {
  const Twice model;
  CHECK(message_of([&] { check_visit(model, [&] { return V(model.a + model.b); }); }) ==
        "parameters: visit() gives the name \"w\" twice");
}
