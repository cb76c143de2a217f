#include "unroll/autograd/selective_scan.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "golden_mamba.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;
using V = Variable<double>;

namespace {

/// u, δ, A, B, C and a state of the sizes given.
std::vector<V> selective_inputs(index_t T, index_t B, index_t D, index_t N, index_t G = 0,
                                std::uint64_t seed = 1) {
  const Shape groups = G > 0 ? Shape{T, B, G, N} : Shape{T, B, N};
  return {random_parameter({T, B, D}, seed),
          random_parameter({T, B, D}, seed + 1, 0, 1),
          random_parameter({D, N}, seed + 2, -2, -0.1),
          random_parameter(groups, seed + 3),
          random_parameter(groups, seed + 4),
          random_parameter({B, D, N}, seed + 5)};
}

std::vector<V> run_selective(const std::vector<V>& x, const Indices& lengths = {},
                             const Indices& resets = {}) {
  auto [y, state] =
      selective_scan(x[0], x[1], x[2], x[3], x[4], {.state = x[5], .lengths = lengths, .resets = resets});
  return {y, state};
}

/// The recurrence on plain numbers.
std::pair<std::vector<double>, std::vector<double>> plain_selective(const std::vector<V>& x,
                                                                    const Indices& lengths,
                                                                    const Indices& resets) {
  const Shape& s = x[0].shape();
  const index_t T = s[0], B = s[1], D = s[2], N = x[2].shape()[1], G = x[3].size() / (T * B * N);
  std::vector<double> h = list(x[5]), y(static_cast<std::size_t>(s.size()));
  for (index_t b = 0; b < B; ++b)
    for (index_t t = 0; t < (lengths.size() > 0 ? lengths[b] : T); ++t)
      for (index_t d = 0; d < D; ++d) {
        const index_t at = (t * B + b) * D + d, group = ((t * B + b) * G + d / (D / G)) * N;
        const double delta = x[1].data()[at], u = x[0].data()[at];
        double& out = y[static_cast<std::size_t>(at)];
        for (index_t n = 0; n < N; ++n) {
          double& v = h[static_cast<std::size_t>((b * D + d) * N + n)];
          if (resets.size() > 0 && resets[t * B + b] != 0) v = 0;
          v = std::exp(delta * x[2].data()[d * N + n]) * v + delta * u * x[3].data()[group + n];
          out += v * x[4].data()[group + n];
        }
      }
  return {y, h};
}

const Indices no_indices, ragged = {3, 0, 5},
                          begins(Shape{5, 3}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0});

void equals_mamba(const ReferenceCase& golden, bool whole) {
  const auto time_first = [&](const char* name) {  // (B, …, T) → (T, B, …)
    const V& x = golden[name];
    return x.rank() == 3 ? permute(x, {2, 0, 1}) : permute(x, {3, 0, 1, 2});
  };
  V delta = time_first("delta");
  if (whole) delta = softplus(delta + golden["delta_bias"]);
  const V u = time_first("u");
  auto [y, state] = selective_scan(u, delta, golden["A"], time_first("B"), time_first("C"),
                                   {.state = golden.has("state0") ? golden["state0"] : V()});
  if (whole) {
    const V z = time_first("z");
    y = (y + golden["D"] * u) * (z * sigmoid(z));
  }
  ReferenceCase(golden).expect({{"y", permute(y, {1, 2, 0})}, {"state", state}});
}

}  // namespace

TEST_CASE("selective_scan: equals the reference code's outputs and gradients") {
  equals_mamba(golden_mamba_groups(), true);
  equals_mamba(golden_mamba_carried(), true);
}

TEST_CASE("selective_scan: equals the plain loop, over lanes, pieces and chunks that are not full") {
  for (const auto& [T, B, D, N, G] : {std::tuple<index_t, index_t, index_t, index_t, index_t>{5, 3, 4, 3, 0},
                                      {1, 1, 1, 1, 1},
                                      {40, 2, 37, 5, 0},
                                      {17, 1, 300, 2, 3},
                                      {33, 2, 24, 40, 2}}) {
    CAPTURE(T);
    CAPTURE(D);
    const auto x = selective_inputs(T, B, D, N, G);
    const auto got = run_selective(x);
    const auto [y, h] = plain_selective(x, {}, {});
    CHECK(distance(list(got[0]), y) < 1e-13);
    CHECK(distance(list(got[1]), h) < 1e-13);
  }
}

TEST_CASE("selective_scan: lengths and resets") {
  const auto x = selective_inputs(5, 3, 4, 3);
  for (const auto& [lengths, resets] :
       {std::pair{ragged, no_indices}, std::pair{no_indices, begins}, std::pair{ragged, begins}}) {
    const auto got = run_selective(x, lengths, resets);
    const auto [y, h] = plain_selective(x, lengths, resets);
    CHECK(distance(list(got[0]), y) < 1e-13);
    CHECK(distance(list(got[1]), h) < 1e-13);
  }
}

TEST_CASE("selective_scan: gradients of first and second order") {
  for (const auto& [lengths, resets] : {std::pair{no_indices, no_indices}, std::pair{ragged, no_indices},
                                        std::pair{no_indices, begins}, std::pair{ragged, begins}}) {
    const auto f = [&](const std::vector<V>& x) { return run_selective(x, lengths, resets); };
    gradcheck(f, selective_inputs(5, 3, 4, 3), {.full = true});
    gradgradcheck(f, selective_inputs(5, 3, 4, 3));
  }
  const auto f = [](const std::vector<V>& x) { return run_selective(x); };
  gradcheck(f, selective_inputs(37, 2, 18, 5, 2));
  gradgradcheck(f, selective_inputs(4, 2, 6, 3, 2));
  gradcheck([&](const std::vector<V>& x) { return f(x)[1]; }, selective_inputs(20, 1, 3, 2));
  gradcheck([](const std::vector<V>& x) { return selective_scan(x[0], x[1], x[2], x[3], x[4]).output; },
            selective_inputs(5, 1, 3, 2));
}

TEST_CASE("selective_scan: the same bits for any number of threads, in float and double") {
  const auto check = [](auto type) {
    using T = decltype(type);
    const auto run = [&](int threads) {
      const int before = num_threads();
      set_num_threads(threads);
      std::vector<Variable<T>> x;
      for (const V& v : selective_inputs(40, 3, 300, 8)) x.push_back(values<T>(v.shape(), list(v)));
      auto [y, state] = selective_scan(x[0], x[1], x[2], x[3], x[4], {.state = x[5]});
      (y + sum(state)).evaluate().backward(y.detach());
      set_num_threads(before);
      std::vector<std::vector<double>> all = {list(y)};
      for (const auto& v : x) all.push_back(gradient_list(v));
      return all;
    };
    const auto one = run(1);
    CHECK(run(2) == one);
    CHECK(run(3) == one);
  };
  check(1.0f);
  check(1.0);
}

TEST_CASE("selective_scan: no step, no sequence, and decays to nothing") {
  const V h0 = random_parameter({2, 3, 4}, 1);
  const auto none = selective_scan(V({0, 2, 3}, 1.0), V({0, 2, 3}, 1.0), V({3, 4}, -1.0), V({0, 2, 4}, 1.0),
                                   V({0, 2, 4}, 1.0), {.state = h0});
  CHECK(none.output.shape() == Shape{0, 2, 3});
  CHECK(list(none.state) == list(h0));
  none.state.backward(V({2, 3, 4}, 1.0));
  CHECK(gradient_list(h0) == std::vector<double>(24, 1.0));
  const V steep = values({1, 1}, {-1e30}), one({3, 1, 1}, 1.0);
  const V delta = V({3, 1, 1}, 1.0).requires_grad(true);
  const V y = selective_scan(one, delta, steep, one, one).output;
  CHECK(list(y) == std::vector<double>(3, 1.0));
  y.backward(V({3, 1, 1}, 1.0));
  CHECK(gradient_list(delta) == std::vector<double>(3, 1.0));
  CHECK(gradient_list(steep) == std::vector<double>{0});
}

TEST_CASE("selective_scan: names what does not fit") {
  const auto x = selective_inputs(5, 3, 4, 3);
  CHECK(message_of<ShapeError>([&] {
          selective_scan(x[0], x[1], x[2], x[3], V({5, 3, 2}, 0.0));
        }) ==
        "selective_scan: need u and delta (T, B, D), a (D, N), b and c (T, B, N) or (T, B, G, N) with D a "
        "multiple of G; "
        "got u (5, 3, 4), delta (5, 3, 4), a (4, 3), b (5, 3, 3), c (5, 3, 2)");
  CHECK_THROWS_AS(selective_scan(x[0], x[1], V({3, 3}, 0.0), x[3], x[4]), ShapeError);
  CHECK_THROWS_AS(selective_scan(x[0], x[1], x[2], V({5, 3, 3, 3}, 0.0), V({5, 3, 3, 3}, 0.0)), ShapeError);
  CHECK(message_of<ShapeError>([&] {
          selective_scan(x[0], x[1], x[2], x[3], x[4], {.state = V({3, 4}, 0.0)});
        }) == "selective_scan: need a state (3, 4, 3); got (3, 4)");
  CHECK(message_of<IndexError>([&] {
          selective_scan(x[0], x[1], x[2], x[3], x[4], {.lengths = {1, 2, 9}});
        }) == "selective_scan: need lengths from 0 to 5; got 9 for sequence 2");
  CHECK_THROWS_AS(selective_scan(V(), x[1], x[2], x[3], x[4]), UsageError);
}
