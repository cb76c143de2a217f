/// \file The second derivative of every scalar op at its special points: zeros, ties, bounds, branches, the ends of the
/// range.

#include <doctest/doctest.h>

#include <functional>
#include <numbers>
#include <set>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/fused/scalar_op_list.hpp"

using namespace unroll;
using namespace unroll::tests;
using unroll::detail::ScalarOp;

namespace {

using V = Variable<double>;
using List = std::vector<double>;
constexpr double inf = std::numeric_limits<double>::infinity();
const double quiet_nan = std::nan(""), pi = std::numbers::pi;

/// At each point: the arguments, and what the matrix of second derivatives must be, row by row.
struct Point {
  List at, second;
};
struct Row {
  ScalarOp op;
  std::function<V(const std::vector<V>&)> f;
  std::vector<Point> points;
};

// Where both sides of a kink differ, the slope and so its derivative are those the docs name: 0 between the halves of |x|,
// of relu the left side; of ties the second derivative is 0, as on both sides.
std::vector<Row> table() {
  using P = const std::vector<V>&;
  const double e = std::exp(1.0);
  const auto none = [](std::size_t n) { return List(n * n, 0.0); };
  return {
      {ScalarOp::add, [](P x) { return V(x[0] + x[1]); }, {{{0, 0}, none(2)}, {{inf, 1}, none(2)}}},
      {ScalarOp::sub, [](P x) { return V(x[0] - x[1]); }, {{{0, 0}, none(2)}, {{1, inf}, none(2)}}},
      {ScalarOp::mul,
       [](P x) { return V(x[0] * x[1]); },
       {{{0, 0}, {0, 1, 1, 0}}, {{1e300, 2}, {0, 1, 1, 0}}}},
      {ScalarOp::div,
       [](P x) { return V(x[0] / x[1]); },
       {{{0, 2}, {0, -0.25, -0.25, 0}},
        {{1, 1}, {0, -1, -1, 2}},
        {{1, -1}, {0, -1, -1, -2}},
        {{1, inf}, none(2)}}},
      {ScalarOp::neg, [](P x) { return V(-x[0]); }, {{{0}, {0}}, {{inf}, {0}}}},
      {ScalarOp::greater, [](P x) { return V(x[0] > x[1]); }, {{{0, 0}, none(2)}, {{1, 0}, none(2)}}},
      {ScalarOp::greater_equal, [](P x) { return V(x[0] >= x[1]); }, {{{0, 0}, none(2)}, {{1, 0}, none(2)}}},
      {ScalarOp::equal, [](P x) { return equal(x[0], x[1]); }, {{{0, 0}, none(2)}, {{1, 0}, none(2)}}},
      {ScalarOp::exp,
       [](P x) { return exp(x[0]); },
       {{{0}, {1}}, {{1}, {e}}, {{-inf}, {0}}, {{-800}, {0}}, {{800}, {inf}}}},
      {ScalarOp::log,
       [](P x) { return log(x[0]); },
       {{{1}, {-1}}, {{0.5}, {-4}}, {{0}, {-inf}}, {{inf}, {0}}}},
      {ScalarOp::sqrt,
       [](P x) { return sqrt(x[0]); },
       {{{1}, {-0.25}}, {{4}, {-1.0 / 32}}, {{0}, {-inf}}, {{inf}, {0}}}},
      {ScalarOp::square, [](P x) { return square(x[0]); }, {{{0}, {2}}, {{-1}, {2}}, {{inf}, {2}}}},
      {ScalarOp::abs,
       [](P x) { return abs(x[0]); },
       {{{0}, {0}}, {{-0.0}, {0}}, {{1}, {0}}, {{-2}, {0}}, {{inf}, {0}}}},
      {ScalarOp::tanh,
       [](P x) { return tanh(x[0]); },
       {{{0}, {0}}, {{400}, {0}}, {{-400}, {0}}, {{inf}, {0}}, {{-inf}, {0}}}},
      {ScalarOp::sigmoid,
       [](P x) { return sigmoid(x[0]); },
       {{{0}, {0}}, {{800}, {0}}, {{-800}, {0}}, {{inf}, {0}}, {{-inf}, {0}}}},
      {ScalarOp::relu,
       [](P x) { return relu(x[0]); },
       {{{0}, {0}}, {{-0.0}, {0}}, {{1}, {0}}, {{-1}, {0}}, {{inf}, {0}}, {{-inf}, {0}}}},
      {ScalarOp::leaky_relu,
       [](P x) { return leaky_relu(x[0], 0.1); },
       {{{0}, {0}}, {{1}, {0}}, {{-1}, {0}}, {{inf}, {0}}}},
      {ScalarOp::elu,
       [](P x) { return elu(x[0], 2.0); },
       {{{0}, {2}}, {{-1}, {2 / e}}, {{1}, {0}}, {{800}, {0}}, {{-800}, {0}}, {{-inf}, {0}}, {{inf}, {0}}}},
      {ScalarOp::softplus,
       [](P x) { return softplus(x[0]); },
       {{{0}, {0.25}},
        {{40}, {std::exp(-40.0)}},
        {{-40}, {std::exp(-40.0)}},
        {{700}, {std::exp(-700.0)}},
        {{800}, {0}},
        {{-800}, {0}},
        {{inf}, {0}},
        {{-inf}, {0}}}},
      {ScalarOp::silu,
       [](P x) { return silu(x[0]); },
       {{{0}, {0.5}},
        {{40}, {-1.61437461701080379e-16}},  // by mpmath, as the small ones below
        {{-40}, {-1.61437461701080379e-16}},
        {{100}, {-3.64567445650041924e-42}},
        {{800}, {0}},
        {{-800}, {0}},
        {{inf}, {0}},
        {{-inf}, {0}}}},
      {ScalarOp::gelu,  // φ(x) (2 − x²)
       [](P x) { return gelu(x[0]); },
       {{{0}, {2 / std::sqrt(2 * pi)}},
        {{1}, {std::exp(-0.5) / std::sqrt(2 * pi)}},
        {{-2}, {-2 * std::exp(-2.0) / std::sqrt(2 * pi)}},
        {{50}, {0}},
        {{-50}, {0}},
        {{inf}, {0}},
        {{-inf}, {0}}}},
      {ScalarOp::gelu_tanh,
       [](P x) { return gelu_tanh(x[0]); },
       {{{0}, {std::sqrt(2 / pi)}},
        {{6}, {-6.82424727415718944e-9}},
        {{-6}, {-6.82424727415718944e-9}},
        {{50}, {0}},
        {{-50}, {0}},
        {{inf}, {0}},
        {{-inf}, {0}}}},
      {ScalarOp::mish,  // tanh″ and the slope of softplus at 0
       [](P x) { return mish(x[0]); },
       {{{0}, {16.0 / 25}},
        {{-40}, {-1.61437461701080380e-16}},
        {{800}, {0}},
        {{-800}, {0}},
        {{inf}, {0}},
        {{-inf}, {0}}}},
      {ScalarOp::log1p,
       [](P x) { return log1p(x[0]); },
       {{{0}, {-1}}, {{1}, {-0.25}}, {{-1}, {-inf}}, {{inf}, {0}}}},
      {ScalarOp::expm1,
       [](P x) { return expm1(x[0]); },
       {{{0}, {1}}, {{1}, {e}}, {{-inf}, {0}}, {{800}, {inf}}}},
      {ScalarOp::erf,
       [](P x) { return erf(x[0]); },
       {{{0}, {0}}, {{1}, {-4 / (e * std::sqrt(pi))}}, {{50}, {0}}, {{inf}, {0}}, {{-inf}, {0}}}},
      {ScalarOp::erfc,
       [](P x) { return erfc(x[0]); },
       {{{0}, {0}}, {{1}, {4 / (e * std::sqrt(pi))}}, {{50}, {0}}, {{inf}, {0}}, {{-inf}, {0}}}},
      {ScalarOp::sign, [](P x) { return sign(x[0]); }, {{{0}, {0}}, {{1}, {0}}, {{inf}, {0}}}},
      {ScalarOp::floor, [](P x) { return floor(x[0]); }, {{{0}, {0}}, {{1.5}, {0}}, {{inf}, {0}}}},
      {ScalarOp::round, [](P x) { return round(x[0]); }, {{{0}, {0}}, {{1.5}, {0}}, {{inf}, {0}}}},
      {ScalarOp::tan,  // 2 y (1 + y²)
       [](P x) { return tan(x[0]); },
       {{{0}, {0}}, {{pi / 4}, {4}}, {{-pi / 4}, {-4}}}},
      {ScalarOp::atan2,  // −2 a b, a² − b²; a² − b², 2 a b, each over (a² + b²)²
       [](P x) { return atan2(x[0], x[1]); },
       {{{1, 1}, {-0.5, 0, 0, 0.5}},
        {{1, 2}, {-4.0 / 25, -3.0 / 25, -3.0 / 25, 4.0 / 25}},
        {{2, -1}, {4.0 / 25, 3.0 / 25, 3.0 / 25, -4.0 / 25}},
        {{0, 1}, {0, -1, -1, 0}},
        {{1, 0}, {0, 1, 1, 0}},
        {{0, 0}, none(2)},
        {{inf, 1}, none(2)},
        {{1, inf}, none(2)},
        {{inf, inf}, none(2)}}},
      {ScalarOp::root_one_minus_square,  // −1 / y³; where the floor holds, −2 / √floor
       [](P x) { return root_one_minus_square(x[0], 1e-6); },
       {{{0}, {-1}}, {{0.6}, {-1 / 0.512}}, {{1}, {-2000}}, {{-1}, {-2000}}}},
      {ScalarOp::root_one_minus_square,
       [](P x) { return root_one_minus_square(x[0]); },
       {{{0}, {-1}}, {{0.6}, {-1 / 0.512}}, {{1}, {-inf}}, {{-1}, {-inf}}}},
      {ScalarOp::root_one_minus_exp,  // −a² (2 − a²) / y³ of a = eˡ; where the floor holds, −4 a² / √floor
       [](P x) { return root_one_minus_exp(x[0], 1e-6); },
       {{{-std::log(2.0)}, {-(7.0 / 16) / std::pow(0.75, 1.5)}},
        {{0}, {-4000}},
        {{-800}, {0}},
        {{-inf}, {0}}}},
      {ScalarOp::root_one_minus_exp, [](P x) { return root_one_minus_exp(x[0]); }, {{{0}, {-inf}}}},
      {ScalarOp::sin, [](P x) { return sin(x[0]); }, {{{0}, {0}}, {{1}, {-std::sin(1.0)}}}},
      {ScalarOp::cos, [](P x) { return cos(x[0]); }, {{{0}, {-1}}, {{1}, {-std::cos(1.0)}}}},
      {ScalarOp::minimum,
       [](P x) { return minimum(x[0], x[1]); },
       {{{0, 0}, none(2)}, {{1, 2}, none(2)}, {{inf, 1}, none(2)}, {{inf, inf}, none(2)}}},
      {ScalarOp::maximum,
       [](P x) { return maximum(x[0], x[1]); },
       {{{0, 0}, none(2)}, {{1, 2}, none(2)}, {{-inf, 1}, none(2)}, {{inf, inf}, none(2)}}},
      {ScalarOp::clamp,
       [](P x) { return clamp(x[0], x[1], x[2]); },
       {{{0, 0, 1}, none(3)},
        {{1, 0, 1}, none(3)},
        {{0.5, 0, 1}, none(3)},
        {{2, 0, 1}, none(3)},
        {{-inf, 0, 1}, none(3)},
        {{1, 1, 1}, none(3)}}},
      {ScalarOp::where,
       [](P x) { return where(x[0], x[1], x[2]); },
       {{{0, 1, 2}, none(3)}, {{1, inf, quiet_nan}, none(3)}}},
      {ScalarOp::lerp,
       [](P x) { return lerp(x[0], x[1], x[2]); },
       {{{1, 2, 0}, {0, 0, -1, 0, 0, 1, -1, 1, 0}}, {{0, 0, 1}, {0, 0, -1, 0, 0, 1, -1, 1, 0}}}},
      {ScalarOp::pow,
       [](P x) { return pow(x[0], x[1]); },
       // d²/da² = b (b − 1) a^(b−2); d²/da db = a^(b−1) (1 + b ln a); d²/db² = a^b ln² a; of ln 0 the op makes 0
       {{{0, 2}, {2, 0, 0, 0}},
        {{0, 3}, {0, 0, 0, 0}},
        {{2, 2},
         {2, 2 * (1 + 2 * std::log(2.0)), 2 * (1 + 2 * std::log(2.0)), 4 * std::log(2.0) * std::log(2.0)}},
        {{2, 1}, {0, 1 + std::log(2.0), 1 + std::log(2.0), 2 * std::log(2.0) * std::log(2.0)}},
        {{2, 0}, {0, 0.5, 0.5, std::log(2.0) * std::log(2.0)}},
        {{1, 5}, {20, 1, 1, 0}}}},
  };
}

// The second derivatives of f at a point, each by its own pass.
List hessian(const Row& row, const List& at) {
  List second;
  for (std::size_t k = 0; k < at.size(); ++k) {
    std::vector<V> x;
    for (double a : at) x.push_back(values({}, {a}));
    const V y = row.f(x);
    const V slope = grad(y, x[k], {.create_graph = true});
    for (const V& other : x)
      second.push_back(slope.requires_grad() ? grad(slope, other, {.retain_graph = true}).item() : 0);
  }
  return second;
}

}  // namespace

TEST_CASE("second derivatives: each scalar op at its special points, against a table") {
  std::set<ScalarOp> seen;
  for (const Row& row : table()) {
    seen.insert(row.op);
    for (const Point& p : row.points) {
      CAPTURE(std::string(detail::facts_of(row.op).name));
      CAPTURE(p.at[0]);
      CAPTURE(p.at.back());
      const List got = hessian(row, p.at);
      REQUIRE(got.size() == p.second.size());
      for (std::size_t k = 0; k < got.size(); ++k) {
        CAPTURE(k);
        CAPTURE(got[k]);
        CAPTURE(p.second[k]);
        CHECK(distance({got[k]}, {p.second[k]}) < 1e-14);
        if (std::abs(p.second[k]) < 1e-10 && p.second[k] != 0)
          CHECK(got[k] ==
                doctest::Approx(p.second[k]).epsilon(1e-10).scale(0));  // 0 would be near enough otherwise
      }
    }
  }
#define UNROLL_SEEN(name) CHECK_MESSAGE(seen.count(ScalarOp::name) == 1, #name " has no row");
  UNROLL_SCALAR_OPS(UNROLL_SEEN)
#undef UNROLL_SEEN
}

TEST_CASE("second derivatives: what is made of |x|, at 0") {
  const V w = row({0, 1, -2});
  const V slope = grad(sum(abs(w)), w, {.create_graph = true});
  CHECK(list(grad(sum(slope * 5.0), w)) == List{0, 0, 0});
  const V x = row({0});
  const V g = grad(sum(3.0 * abs(2.0 * x)), x, {.create_graph = true});
  CHECK(list(grad(sum(g), x)) == List{0});
  const auto huber = [](const V& r) { return where(abs(r) <= 1.0, 0.5 * square(r), abs(r) - 0.5); };
  const V r = row({0, 0.5, 3});
  const V h = grad(sum(huber(r)), r, {.create_graph = true});
  CHECK(list(grad(sum(h), r)) == List{1, 1, 0});
}
