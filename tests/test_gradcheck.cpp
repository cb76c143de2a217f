#include "unroll/autograd/gradcheck.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

enum class Wrong { nothing, tenth_of_a_percent, sign, missing_sum, dropped_term, one_element, not_a_number };

// y = a · b + a, b broadcast over rows: by hand, with a chosen mistake in its gradient.
class WrongNode final : public detail::Node<double> {
 public:
  explicit WrongNode(Wrong wrong) : wrong_(wrong) {}
  std::string name() const override { return "wrong"; }
  void backward() override {
    const double* dy = output_grad();
    if (!dy) return;
    detail::Tensor<double>&a = input(0), &b = input(1);
    const index_t rows = a.shape[0], cols = a.shape[1];
    if (wants(0)) {
      const auto g = detail::open_grad_to_add(a);
      for (index_t i = 0; i < rows * cols; ++i) g.data[i] += slope(b.data[i % cols]) * dy[i];
      if (wrong_ == Wrong::one_element) g.data[rows * cols - 1] = 0;
    }
    if (wants(1)) {
      const auto g = detail::open_grad_to_add(b);
      for (index_t i = 0; i < (wrong_ == Wrong::missing_sum ? cols : rows * cols); ++i)
        g.data[i % cols] += a.data[i] * dy[i];
    }
  }

 private:
  double slope(double b) const {
    if (wrong_ == Wrong::tenth_of_a_percent) return 1.001 * (b + 1);
    if (wrong_ == Wrong::sign) return -(b + 1);
    if (wrong_ == Wrong::dropped_term) return b;
    if (wrong_ == Wrong::not_a_number) return std::nan("");
    return b + 1;
  }
  Wrong wrong_;
};

Variable<double> wrong(const Variable<double>& a, const Variable<double>& b, Wrong mistake) {
  detail::Tensor<double>* const inputs[] = {a.tensor(), b.tensor()};
  const bool recorded = detail::begin_op<double>("wrong", inputs);
  auto y = Variable<double>::uninitialised(a.shape());
  for (index_t i = 0; i < a.size(); ++i)
    y.mutable_data()[i] = a.data()[i] * b.data()[i % b.size()] + a.data()[i];
  if (recorded) detail::record_op<WrongNode>(inputs, {&y, 1}, mistake);
  return y;
}

Variable<double> product_of_both(const std::vector<Variable<double>>& in) { return in[0] * in[1]; }

auto checked(Wrong mistake) {
  return [mistake](const std::vector<Variable<double>>& in) { return wrong(in[0], in[1], mistake); };
}

std::vector<Variable<double>> operands() {
  return {random_parameter({3, 2}, 1, 0.5, 1.5), random_parameter({2}, 2, 0.5, 1.5)};
}

}  // namespace

TEST_CASE("gradcheck: a right rule passes, by projection and in full") {
  CHECK(passes_gradcheck(checked(Wrong::nothing), operands()));
  CHECK(passes_gradcheck(checked(Wrong::nothing), operands(), {.full = true}));
}

TEST_CASE("gradcheck: wrong rules are rejected, by projection and in full") {
  for (Wrong mistake : {Wrong::tenth_of_a_percent, Wrong::sign, Wrong::missing_sum, Wrong::dropped_term,
                        Wrong::one_element, Wrong::not_a_number}) {
    CAPTURE(static_cast<int>(mistake));
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
      CHECK_FALSE(passes_gradcheck(checked(mistake), operands(), {.seed = seed}));
    CHECK_FALSE(passes_gradcheck(checked(mistake), operands(), {.full = true}));
  }
}

TEST_CASE("gradcheck: a failure names op, input, element, both values and the seed") {
  const auto a = values({2, 2}, {1, 1, 1, 1}).set_name("a"), b = row({1, 1});
  std::string message;
  try {
    gradcheck(checked(Wrong::one_element), {a, b}, {.full = true, .seed = 42});
  } catch (const GradcheckError& error) {
    message = error.what();
    CHECK(error.op == "wrong");
    CHECK(error.input == 0);
    CHECK(error.element == std::vector<index_t>{1, 1});
    CHECK(error.analytic == 0);
    CHECK(error.numeric == doctest::Approx(2).epsilon(1e-9));  // 1e-16 / 6e-6, the error of a difference
    CHECK(error.seed == 42);
  }
  CHECK(message ==
        "gradcheck: wrong: inputs[0] a (2, 2), element (1, 1): the gradient is 0, the differences say " +
            message.substr(message.find("say ") + 4));
  CHECK(message.find("(seed 42)") != std::string::npos);
}

TEST_CASE("gradcheck: an expression, several outputs and inputs without a gradient are taken") {
  const auto x = random_parameter({2, 3}, 3), w = random_parameter({3}, 4);
  const Variable<double> constant = random_parameter({2, 3}, 5).detach();
  CHECK(passes_gradcheck([](const auto& in) { return tanh(in[0]) * in[1] + in[2]; }, {x, w, constant}));
  CHECK(passes_gradcheck(
      [](const auto& in) {
        return std::vector<Variable<double>>{in[0] * in[1], sum(in[0])};
      },
      {x, w}, {.full = true}));
}

TEST_CASE("gradcheck: parameters that f reads by themselves are moved and put back") {
  const auto x = random_parameter({2, 3}, 3), w = random_parameter({3, 4}, 4);
  const std::vector<double> before = list(w);
  gradcheck([&](const auto&) { return tanh(matmul(x, w)); }, {x, w});
  CHECK(list(w) == before);
  CHECK_FALSE(w.has_grad());
}

TEST_CASE("gradcheck: inputs that cannot be checked and functions that are none are usage errors") {
  const auto x = random_parameter({2}, 3);
  const Variable<double> y = x * 2;
  const auto f = [](const auto& in) { return in[0] * in[0]; };
  CHECK_THROWS_WITH_AS(gradcheck(f, {y}),
                       "gradcheck: inputs[0] is the result of an op; give its copy() as a parameter",
                       UsageError);
  CHECK_THROWS_WITH_AS(gradcheck(f, {x.detach()}),
                       "gradcheck: no input requires a gradient; call requires_grad(true) on those to check",
                       UsageError);
  int calls = 0;
  CHECK_THROWS_AS(gradcheck([&](const auto& in) { return in[0] * ++calls; }, {x}), UsageError);
}

TEST_CASE("gradgradcheck: second derivatives pass, and a rule without one is refused") {
  const auto x = random_parameter({2, 3}, 6), w = random_parameter({3, 2}, 7);
  gradgradcheck([](const auto& in) { return tanh(matmul(in[0], in[1])); }, {x, w});
  CHECK_THROWS_AS(gradgradcheck(checked(Wrong::nothing), operands()), UsageError);
}

namespace {

// x³ whose recorded gradient is 3x² but whose further derivative forgets the factor x twice.
class WrongCube final : public detail::Node<double> {
 public:
  std::string name() const override { return "cube"; }
  void backward() override {
    const double* dy = output_grad();
    if (!dy) return;
    const auto g = detail::open_grad_to_add(input(0));
    for (index_t i = 0; i < input(0).shape.size(); ++i)
      g.data[i] += 3 * input(0).data[i] * input(0).data[i] * dy[i];
  }
  std::vector<Variable<double>> record_backward(const std::vector<Variable<double>>& dy) override {
    const Variable<double> x{detail::TensorRef<double>(&input(0))};
    return {Variable<double>(dy[0] * (3.0 * x) * x.detach())};
  }
};

}  // namespace

TEST_CASE("gradcheck: a function may be given by name, by pointer and as a std::function") {
  const auto xs = operands();
  gradcheck(product_of_both, xs);
  gradgradcheck(&product_of_both, xs);
  jvpcheck(std::function(product_of_both), xs);
  CHECK(passes_gradgradcheck(product_of_both, xs));
}

TEST_CASE("gradcheck: what cannot be checked is an error of passes_…, too") {
  const auto constants = [] { return std::vector<Variable<double>>{operands()[0].detach()}; };
  const auto square_of = [](const auto& in) { return square(in[0]); };
  CHECK_THROWS_AS(passes_gradcheck(square_of, constants()), UsageError);
  CHECK_THROWS_AS(passes_gradgradcheck(square_of, constants()), UsageError);
  CHECK_THROWS_AS(passes_jvpcheck(square_of, constants()), UsageError);
}

TEST_CASE("gradgradcheck: a recorded gradient that is right in value but not in slope is rejected") {
  const auto x = random_parameter({3}, 8, 0.5, 1);
  const auto cube = [](const auto& in) {
    const Variable<double>& a = in[0];
    detail::Tensor<double>* const inputs[] = {a.tensor()};
    auto y = Variable<double>::uninitialised(a.shape());
    for (index_t i = 0; i < a.size(); ++i) y.mutable_data()[i] = a.data()[i] * a.data()[i] * a.data()[i];
    detail::record_op<WrongCube>(inputs, {&y, 1});
    return y;
  };
  CHECK(passes_gradcheck(cube, {x}));
  CHECK_FALSE(passes_gradgradcheck(cube, {x}));
}

TEST_CASE("gradcheck: a function whose result is empty or NaN is named as such") {
  const Variable<double> x = row({1.0, 2.0});
  CHECK(message_of<UsageError>([&] { gradcheck([](const auto&) { return Variable<double>(); }, {x}); }) ==
        "gradcheck: the function's result 1 is an empty Variable");
  CHECK(message_of<UsageError>([&] {
          gradcheck([](const auto& in) -> Variable<double> { return log(-1.0 * in[0]); }, {x});
        }) == "gradcheck: the function's result 1 is NaN at the inputs");
}
