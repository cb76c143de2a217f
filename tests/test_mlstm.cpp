#include "unroll/layers/mlstm.hpp"

#include <limits>

#include "cell_checks.hpp"
#include "golden_mlstm.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class T>
using HeadInputs = unroll::detail::MlstmInputs<T>;
template <class T>
using HeadMemory = unroll::detail::MlstmMemory<T>;

template <class T = double>
MlstmCell<T> small_mlstm(bool bias = true) {
  Generator rng(2);
  MlstmCell<T> cell(3, 4, {.heads = 2, .bias = bias}, rng);
  if constexpr (sizeof(T) == 8) scatter(cell, 1);
  return cell;
}

/// (B, heads, T, …) → (T, B, heads, …), and back.
V by_time(const V& x) { return permute(x, {2, 0, 1, 3}); }
V by_heads_first(const V& x) { return permute(x, {1, 2, 0, 3}); }

/// Steps of a golden case in pieces of `size`, 0: all at once.
Scanned<double, HeadMemory<double>> golden_run(const ReferenceCase& golden, HeadMemory<double> memory,
                                               index_t size) {
  const auto gate = [&](const char* name) {
    const V x = by_time(golden[name]);
    return reshape(x, x.shape().without(3));
  };
  const HeadInputs<double> all{by_time(golden["q"]), by_time(golden["k"]), by_time(golden["v"]), gate("i"),
                               gate("f")};
  const index_t time = all.q.shape()[0];
  std::vector<V> parts;
  for (index_t t = 0; t<time; t += size> 0 ? size : time) {
    const auto part = [&](const V& x) { return slice(x, 0, t, std::min(time, size > 0 ? t + size : time)); };
    auto [h, after] = unroll::detail::mlstm_memory<double>(
        {part(all.q), part(all.k), part(all.v), part(all.i), part(all.f)}, memory, {});
    parts.push_back(h), memory = after;
  }
  return {by_heads_first(concat(parts, 0)), memory};
}

/// One head that all steps are given to, from nothing.
template <class T>
Scanned<T, HeadMemory<T>> one_head(const HeadInputs<T>& in) {
  const index_t d = in.q.shape()[3];
  return unroll::detail::mlstm_memory<T>(
      in, {Variable<T>({1, 1, d, d}, T{0}), Variable<T>({1, 1, d}, T{0}), Variable<T>({1, 1}, T{0})}, {});
}

bool all_finite_in(const std::vector<Vec>& arrays) {
  for (const Vec& x : arrays)
    if (!std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); })) return false;
  return true;
}

}  // namespace

TEST_CASE("mlstm: outputs, states and gradients equal the golden ones, at once, step by step and in pieces") {
  for (const index_t size : {0, 1, 3}) {
    CAPTURE(size);
    ReferenceCase carried = golden_mlstm_carried();
    const auto start = [&](const char* name, const Shape& shape) { return reshape(carried[name], shape); };
    auto [h, last] = golden_run(carried, {carried["C0"], start("n0", {2, 2, 4}), start("m0", {2, 2})}, size);
    carried.expect({{"h", h}, {"C", last.c}, {"n", last.n}, {"m", last.m}});
    // The parallel form of the golden code begins with m = î: with −∞ before.
    ReferenceCase parallel = golden_mlstm_parallel();
    const V empty({2, 2}, -std::numeric_limits<double>::infinity());
    parallel.expect(
        {{"h", golden_run(parallel, {V({2, 2, 3, 3}, 0.0), V({2, 2, 3}, 0.0), empty}, size).output}});
  }
}

TEST_CASE("mlstm: two steps equal the hand computation") {
  const auto cell = small_mlstm();
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec in = affine(cell.weight_in, x, cell.bias_in),
              gates = affine(cell.weight_gates, x, cell.bias_gates);
    for (std::size_t head = 0; head < 2; ++head) {
      const double *q = in.data() + 2 * head, *k = q + 4, *v = q + 8, *o = q + 12;
      const double i_hat = gates[head], l = s[3][head] + std::log(sigma(gates[2 + head]));
      const double m = std::max(i_hat, l), i = std::exp(i_hat - m), f = std::exp(l - m);
      double* const c = s[1].data() + 4 * head;
      double* const n = s[2].data() + 2 * head;
      double along = 0;
      for (std::size_t a = 0; a < 2; ++a) {
        for (std::size_t b = 0; b < 2; ++b)
          c[2 * a + b] = f * c[2 * a + b] + i * k[a] / std::sqrt(2.0) * v[b];
        n[a] = f * n[a] + i * k[a] / std::sqrt(2.0);
        along += n[a] * q[a];
      }
      for (std::size_t b = 0; b < 2; ++b)
        s[0][2 * head + b] =
            sigma(o[b]) * (c[b] * q[0] + c[2 + b] * q[1]) / (std::max(std::abs(along), std::exp(-m)) + 1e-6);
      s[3][head] = m;
    }
  });
}

TEST_CASE("mlstm: all steps at once equal one step at a time") {
  check_parallel(small_mlstm());
  check_parallel(small_mlstm(false));
  check_parallel(small_mlstm<float>());
}

TEST_CASE("mlstm: gradients of first and second order pass the check") {
  const auto cell = small_mlstm();
  const V x = random_parameter({4, 2, 3}, 12);
  std::vector<V> inputs = leaves(cell);
  inputs.push_back(x);
  const auto f = [&](const auto&) { return scan(cell, x).output; };
  gradcheck(f, inputs, {.full = true});
  gradgradcheck(f, inputs);
  const ScanOptions ragged{.lengths = {1, 4}, .resets = Indices({4, 2}, {0, 0, 1, 0, 0, 1, 0, 0})};
  gradcheck([&](const auto&) { return scan(cell, x, ragged).output; }, inputs);
}

TEST_CASE("mlstm: gates of ±100 over 100,000 steps neither overflow nor lose gradients") {
  const index_t time = 100'000;
  const auto run = [&](auto type) {
    using T = decltype(type);
    Random random(3);
    const auto gate = [&] {
      Variable<T> x({time, 1, 1}, T{0});
      for (index_t t = 0; t < time; ++t) x.mutable_data()[t] = static_cast<T>(random.below(3) * 100) - T{100};
      return x.requires_grad(true);
    };
    const auto rows = [&](std::uint64_t seed) { return random_parameter<T>({time, 1, 1, 2}, seed); };
    const Variable<T> i = gate(), f = gate();
    const HeadInputs<T> in{rows(1), rows(2), rows(3), i, f};
    const auto [h, last] = one_head<T>(in);
    h.backward(random_parameter<T>(h.shape(), 4).detach());
    std::vector<Vec> all = {list(h), list(last.c), list(last.n), list(last.m)};
    for (const Variable<T>& x : {in.q, in.k, in.v, in.i, in.f}) all.push_back(gradient_list(x));
    return all;
  };
  const auto single = run(1.0F);
  const auto exact = run(1.0);
  CHECK(all_finite_in(single));
  CHECK(all_finite_in(exact));
  // h and the gradient of v: of order 1, and large where the divisor is a difference of large terms.
  for (const std::size_t what : {0, 6}) {
    double worst = 0;
    for (std::size_t k = 0; k < exact[what].size(); ++k)
      worst = std::max(worst,
                       std::abs(single[what][k] - exact[what][k]) / std::max(1.0, std::abs(exact[what][k])));
    CHECK(worst < 2e-2);
  }
}

TEST_CASE("mlstm: what is forgotten by less than m's last place in each step is not lost") {
  const index_t time = 100'000;
  Variable<float> i({time, 1, 1}, -100.F), k({time, 1, 1, 1}, 1e-5F);
  i.mutable_data()[0] = 10;
  const Variable<float> ones({time, 1, 1, 1}, 1.F), f({time, 1, 1}, 15.F);
  const auto h = list(one_head<float>({ones, k, ones, i, f}).output);
  const double kept = std::exp(-static_cast<double>(time) * std::log1p(std::exp(-15.0)));  // 0.970
  // The decays of the steps, 3e-7 below 1, are rounded to a multiple of 6e-8.
  CHECK(h.back() == doctest::Approx(1e-5 * kept / (std::exp(-10.0) + 1e-6)).epsilon(2e-3));
}

TEST_CASE("mlstm: in float as well, gates of −90 leave their small trace in h and in the gradients") {
  const auto run = [](auto type) {
    using T = decltype(type);
    const Variable<T> one({2, 1, 1, 1}, T{1}), i = Variable<T>({2, 1, 1}, T{-90}).requires_grad(true);
    const Variable<T> h = one_head<T>({one, one, one * 1e4, i, Variable<T>({2, 1, 1}, T{-90})}).output;
    sum(h).backward();
    return std::vector<Vec>{list(h), gradient_list(i)};
  };
  const auto single = run(1.0F), exact = run(1.0);  // about 1e4 e^−90; e^−90 itself has 20 bits in float
  for (const std::size_t what : {0, 1})
    for (const std::size_t t : {0, 1})
      CHECK(single[what][t] == doctest::Approx(exact[what][t]).scale(0).epsilon(1e-4));
}

TEST_CASE("mlstm: large inputs beyond a sequence's end do not matter") {
  const auto cell = small_mlstm<float>();
  for (auto& p : parameters(cell)) p.variable.update([](auto& w) { w += 0.5F; });
  auto x = random_parameter<float>({4, 2, 3}, 5);
  const auto before = list(scan(cell, x, {.lengths = {2, 4}}).output);
  for (index_t t = 2; t < 4; ++t)
    for (index_t j = 0; j < 3; ++j) x.mutable_data()[t * 6 + j] = 1e4F;
  const auto y = scan(cell, x, {.lengths = {2, 4}}).output;
  CHECK(list(y) == before);
  sum(y).backward();
  CHECK(all_finite_in({gradient_list(x), gradient_list(cell.weight_gates)}));
  const std::vector<Variable<float>> inputs = {x, cell.weight_gates};
  const auto z = scan(cell, x, {.lengths = {2, 4}}).output;
  const auto first = grad<float>({sum(z * z)}, inputs, {.create_graph = true});
  for (const auto& d : grad<float>({sum(first[0] * first[0]) + sum(first[1] * first[1])}, inputs))
    CHECK(all_finite_in({list(d)}));
}

TEST_CASE("mlstm: a stack streams as it trains, and what does not fit is named") {
  Generator rng(6);
  Mlstm<double> net(3, 4, 2, {.num_layers = 2}, rng);
  const V x = random_parameter({12, 2, 3}, 6).detach();
  const V y = net(x).output;
  auto s = stream(net, 2);
  for (index_t t = 0; t < 12; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(y, 0, t))) < 1e-12);
  errors_are_named(Mlstm<double>(3, 4));
  CHECK(MlstmCell<float>(3, 256).heads() == 4);
  CHECK(list(Mlstm<double>(3, 4, 4).cell(0).bias_gates)[7] == 6);
  CHECK(message_of<ShapeError>([] { Mlstm<double>(3, 4, 3); }) ==
        "mlstm: need a hidden size that is a multiple of the heads; got hidden 4, heads 3");
  CHECK_THROWS_AS(Mlstm<double>(3, 4, -1), ShapeError);
  CHECK_THROWS_AS(MlstmCell<double>(0, 4), ShapeError);
}
