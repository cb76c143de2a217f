#include "unroll/autograd/causal_conv1d.hpp"

#include "golden_causal_conv1d.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/team.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Options = CausalConv1dOptions<double>;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Conv {
  V x, w, b, state;
};
// T 6, B 3, I 2, K 4; full with outputs of 3.
Conv random_conv(bool full) {
  return {random_parameter({6, 3, 2}, 1), random_parameter(full ? Shape{3, 2, 4} : Shape{2, 4}, 2),
          random_parameter({full ? 3 : 2}, 3), random_parameter({3, 3, 2}, 4)};
}
const Indices uneven = {6, 1, 4}, cuts(Shape{6, 3}, {0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1});

// What a sequence b sees at step t − d, or nothing.
bool seen(const Options& o, index_t t, index_t d, index_t b, bool has_state) {
  for (index_t k = 0; k < d && t - k >= 0; ++k)
    if (o.resets.size() > 0 && o.resets[(t - k) * 3 + b] != 0) return false;
  return t - d >= 0 || has_state;
}
double input(const Conv& c, index_t t, index_t b, index_t i) {
  return t >= 0 ? c.x.data()[(t * 3 + b) * 2 + i] : c.state.data()[((t + 3) * 3 + b) * 2 + i];
}
// The sum of the definition, output by output.
std::vector<double> reference(const Conv& c, const Options& o, bool full) {
  std::vector<double> y;
  const index_t outputs = full ? 3 : 2;
  for (index_t r = 0; r < 18; ++r) {
    const index_t t = r / 3, b = r % 3;
    for (index_t k = 0; k < outputs; ++k) {
      double sum = c.b.data()[k];
      for (index_t d = 0; d < 4; ++d)
        for (index_t i = full ? 0 : k; seen(o, t, d, b, static_cast<bool>(o.state)) && i < (full ? 2 : k + 1);
             ++i)
          sum += c.w.data()[(full ? k * 2 + i : k) * 4 + 3 - d] * input(c, t - d, b, i);
      y.push_back(o.lengths.size() > 0 && t >= o.lengths[b] ? 0 : sum);
    }
  }
  return y;
}
std::vector<Options> ways(const Conv& c) {
  return {{},
          {.state = c.state},
          {.lengths = uneven},
          {.resets = cuts},
          {.state = c.state, .lengths = uneven, .resets = cuts},
          {.state = c.state, .lengths = {0, 2, 6}}};
}

}  // namespace

TEST_CASE("causal_conv1d: outputs, states and gradients equal the golden ones") {
  for (const auto& [name, golden] : golden_causal_conv1d) {
    CAPTURE(name);
    equals_golden(golden, [&](const Named& in) -> Named {
      const V none;
      const auto get = [&](const char* key) { return in.contains(key) ? in.at(key) : none; };
      const auto [y, last] = causal_conv1d(in.at("x"), in.at("weight"), get("bias"), {.state = get("state")});
      const bool silu = name.find("silu") != std::string::npos;
      return {{"y", silu ? V(y * sigmoid(y)) : y}, {"last", last}};
    });
  }
  for (const auto& [name, golden] : golden_cut_conv1d) {
    CAPTURE(name);
    equals_golden(golden, [&](const Named& in) -> Named {
      const V state = in.contains("state") ? in.at("state") : V();
      const auto [y, last] = causal_conv1d(in.at("x"), in.at("weight"), in.at("bias"),
                                           {.state = state, .resets = indices(golden.at("resets"))});
      return {{"y", y}, {"last", last}};
    });
  }
}

TEST_CASE("causal_conv1d: equals the sum of its definition with state, lengths and resets") {
  for (const bool full : {false, true}) {
    const Conv c = random_conv(full);
    for (const Options& o : ways(c))
      CHECK(distance(list(causal_conv1d(c.x, c.w, c.b, o).output), reference(c, o, full)) < 1e-14);
  }
}

TEST_CASE("causal_conv1d: the state holds each sequence's last inputs, and 0 before its last reset") {
  const Conv c = random_conv(false);
  const V last = causal_conv1d(c.x, c.w, c.b, {.state = c.state, .lengths = uneven, .resets = cuts}).state;
  const auto is = [&](index_t k, index_t b, index_t t) {
    for (index_t i = 0; i < 2; ++i)
      CHECK(last.data()[(k * 3 + b) * 2 + i] == (t == -9 ? 0 : input(c, t, b, i)));
  };
  is(0, 0, 3), is(1, 0, 4), is(2, 0, 5);    // all of its own last, from the reset at 3 on
  is(0, 1, -2), is(1, 1, -1), is(2, 1, 0);  // one input after the given state
  is(0, 2, -9), is(1, 2, 2), is(2, 2, 3);  // four inputs, a reset at 2; the one beyond the end does not count
}

TEST_CASE("causal_conv1d: gradients of first and second order, of outputs and state") {
  for (const bool full : {false, true}) {
    const Conv c = random_conv(full);
    for (const Options& o : ways(c)) {
      const auto f = [&](const auto&) {
        const auto [y, last] = causal_conv1d(c.x, c.w, c.b, o);
        return std::vector<V>{y, last};
      };
      std::vector<V> inputs = {c.x, c.w, c.b};
      if (o.state) inputs.push_back(c.state);
      gradcheck(f, inputs, {.full = true});
      gradgradcheck([&](const auto& in) { return V(sum(square(f(in)[0])) + sum(square(f(in)[1]))); }, inputs);
      gradgradcheck([&](const auto& in) { return f(in)[1] * 1.0; }, {c.x});
    }
  }
}

TEST_CASE("causal_conv1d: pieces of any size have the outputs and gradients of the whole") {
  for (const bool full : {false, true}) {
    const Conv c = random_conv(full);
    const V seed_y = random_parameter({6, 3, full ? 3 : 2}, 5).detach(),
            seed_s = random_parameter({3, 3, 2}, 6).detach();
    const std::vector<V> inputs = {c.x, c.w, c.b, c.state};
    const auto whole = causal_conv1d(c.x, c.w, c.b, {.state = c.state, .resets = cuts});
    const auto expected = grad<double>({whole.output, whole.state}, inputs, {}, {seed_y, seed_s});
    for (const std::vector<index_t>& sizes :
         {std::vector<index_t>{1, 1, 1, 1, 1, 1}, {2, 1, 3}, {1, 4, 1}, {5, 1}, {0, 6}}) {
      V state = c.state;
      std::vector<V> pieces;
      index_t t = 0;
      for (const index_t n : sizes) {
        const Indices part(Shape{n, 3},
                           std::vector<std::int64_t>(cuts.begin() + t * 3, cuts.begin() + (t + n) * 3));
        auto [y, last] = causal_conv1d(slice(c.x, 0, t, t + n), c.w, c.b, {.state = state, .resets = part});
        pieces.push_back(y), state = last, t += n;
      }
      const V y = concat(pieces);
      CHECK(list(y) == list(whole.output));
      CHECK(list(state) == list(whole.state));
      const auto mine = grad<double>({y, state}, inputs, {}, {seed_y, seed_s});
      // The sums over time are added piece by piece.
      for (std::size_t k = 0; k < inputs.size(); ++k)
        CHECK(distance(list(mine[k]), list(expected[k])) < 1e-14);
    }
  }
}

TEST_CASE("causal_conv1d: what is not seen leaks nothing, not even NaN") {
  for (const bool full : {false, true}) {
    const Conv c = random_conv(full);
    const Options o{.state = c.state, .lengths = uneven, .resets = cuts};
    const auto before = causal_conv1d(c.x, c.w, c.b, o);
    sum(before.output).backward();
    const std::vector<double> dw = gradient_list(c.w), dx = gradient_list(c.x);
    for (V v : {c.x, c.w, c.b}) v.zero_grad();
    // Sequence 2 begins anew at 0 and 2: its state, and all before its end that nothing sees, may be anything.
    V x = c.x.detach(), state = c.state.detach();
    x = V(x * 1.0).requires_grad(true);
    state = V(state * 1.0).requires_grad(true);
    for (index_t k = 0; k < 3; ++k) state.mutable_data()[(k * 3 + 2) * 2] = not_a_number;
    for (index_t t = 1; t < 6; ++t)
      x.mutable_data()[(t * 3 + 1) * 2] = not_a_number;  // beyond the end of sequence 1
    const auto after = causal_conv1d(x, c.w, c.b, {.state = state, .lengths = uneven, .resets = cuts});
    CHECK(list(after.output) == list(before.output));
    sum(after.output).backward();
    CHECK(gradient_list(c.w) == dw);
    CHECK(gradient_list(x) == dx);
    // Where no gradient comes in, none goes out.
    V hole = V(c.x.detach() * 1.0).requires_grad(true);
    hole.mutable_data()[(5 * 3 + 0) * 2] = not_a_number;
    V(c.w).zero_grad();
    sum(slice(causal_conv1d(hole, c.w, c.b).output, 0, 0, 5)).backward();
    for (const double d : gradient_list(c.w)) CHECK(std::isfinite(d));
    for (const double d : gradient_list(hole)) CHECK(std::isfinite(d));
  }
}

TEST_CASE("causal_conv1d: one tap, no steps, and more taps than one pass takes") {
  const V x = random_parameter({5, 2, 3}, 1), one = random_parameter({3, 1}, 2),
          nine = random_parameter({3, 9}, 3);
  const auto single = causal_conv1d(x, one);
  CHECK(list(single.output) == list(V(x * reshape(one, {3}))));
  CHECK(single.state.shape() == Shape{0, 2, 3});
  const auto none = causal_conv1d(V({0, 2, 3}, 0.0), one);
  CHECK(none.output.shape() == Shape{0, 2, 3});
  const V state = random_parameter({8, 2, 3}, 4);
  CHECK(list(causal_conv1d(V({0, 2, 3}, 0.0), nine, {}, {.state = state}).state) == list(state));
  const auto f = [&](const auto&) {
    const auto [y, last] = causal_conv1d(x, nine, {}, {.state = state});
    return std::vector<V>{y, last};
  };
  gradcheck(f, {x, nine, state}, {.full = true});
}

TEST_CASE(
    "causal_conv1d: the bits do not depend on the number of threads, and long float sums keep their digits") {
  using F = Variable<float>;
  const auto run = [](bool full) {
    const F x = random_parameter<float>({40, 32, 256}, 1, 0, 1),
            w = random_parameter<float>(full ? Shape{8, 256, 4} : Shape{256, 4}, 2);
    const auto [y, state] = causal_conv1d(x, w);
    sum(y).backward();
    return std::vector{list(y), gradient_list(x), gradient_list(w), list(x)};
  };
  const auto alone = run(false);
  set_num_threads(2);
  for (const auto whom : {detail::PartsGoTo::Whom::helpers, detail::PartsGoTo::Whom::caller}) {
    const detail::PartsGoTo go(whom);
    CHECK(run(false) == alone);
  }
  set_num_threads(1);
  for (std::size_t i = 0; i < 256; ++i) {
    double expected = 0;
    for (std::size_t r = 0; r < 40 * 32; ++r) expected += alone[3][r * 256 + i];
    // One rounding of a sum of 1,280 terms, and a few of its parts of 16.
    CHECK(alone[2][i * 4 + 3] == doctest::Approx(expected).epsilon(3e-7));
  }
}

TEST_CASE("causal_conv1d: mistakes are named before anything is computed") {
  const V x = random_parameter({4, 2, 3}, 1), w = random_parameter({3, 4}, 2), b = random_parameter({3}, 3);
  const auto message = [&](auto&& f) { return message_of<ShapeError>(f); };
  CHECK(message([&] { causal_conv1d(b, w); }) == "causal_conv1d: need x (T, B, I); got (3,)");
  CHECK(message([&] { causal_conv1d(x, b); }) ==
        "causal_conv1d: need a weight (I, K) or (O, I, K) with I = 3 and K ≥ 1; got (3,)");
  CHECK(message([&] {
          causal_conv1d(x, V({4, 3}, 0.0));
        }) == "causal_conv1d: need a weight (I, K) or (O, I, K) with I = 3 and K ≥ 1; got (4, 3)");
  CHECK(message([&] {
          causal_conv1d(x, V({3, 0}, 0.0));
        }) == "causal_conv1d: need a weight (I, K) or (O, I, K) with I = 3 and K ≥ 1; got (3, 0)");
  CHECK(message([&] { causal_conv1d(x, w, V({4}, 0.0)); }) == "causal_conv1d: need a bias (3,); got (4,)");
  CHECK(message([&] {
          causal_conv1d(x, w, b, {.state = V({4, 2, 3}, 0.0)});
        }) == "causal_conv1d: need a state (3, 2, 3); got (4, 2, 3)");
  CHECK(message([&] {
          causal_conv1d(x, w, b, {.lengths = {1, 2, 3}});
        }) == "causal_conv1d: need a length for each of 2 sequences; got lengths (3,)");
  CHECK(message([&] {
          causal_conv1d(x, w, b, {.resets = {1, 2, 3}});
        }) == "causal_conv1d: need resets (4, 2); got (3,)");
  CHECK(message_of<IndexError>([&] {
          causal_conv1d(x, w, b, {.lengths = {1, 5}});
        }) == "causal_conv1d: need lengths from 0 to 4, the number of time steps; sequence 1 has 5");
  CHECK(message_of<UsageError>([&] { causal_conv1d(V(), w); }) ==
        message_of<UsageError>([&] { detail::fail_empty("causal_conv1d", 0); }));
  CHECK_THROWS_AS(causal_conv1d(x, V()), UsageError);
  CHECK(list(causal_conv1d(x * 1.0, w, b).output) == list(causal_conv1d(x, w, b).output));
}
