#include "unroll/layers/scan_programs.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>

#include "arrays.hpp"
#include "random_cell.hpp"
#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/no_grad.hpp"
#include "unroll/autograd/pool_stats.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/layers/scan.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class T>
bool same_bits(const std::vector<Variable<T>>& a, const std::vector<Variable<T>>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const Variable<T> x = dense(a[k]), y = dense(b[k]);
    if (x.shape() != y.shape()) return false;
    for (index_t j = 0; j < x.size(); ++j)
      if (std::memcmp(x.data() + j, y.data() + j, sizeof(T)) != 0 &&
          !(std::isnan(x.data()[j]) && std::isnan(y.data()[j])))
        return false;
  }
  return true;
}

/// What f returns with steps recorded and with programs; `planned` counts in how many scans there was one.
template <class T, class F>
bool same_both_ways(F&& f, int* planned = nullptr) {
  std::vector<Variable<T>> recorded, programs;
  {
    const ScanMode all(ScanSteps::recorded);
    recorded = f();
  }
  const std::string told = dump_plan([&] { programs = f(); });
  if (planned) *planned += told.find("by this program") != std::string::npos;
  return same_bits(recorded, programs);
}

/// Values and gradients of a random cell over a random sequence, asked for in a random way.
template <class T>
std::vector<Variable<T>> run_random(std::uint64_t seed) {
  RandomCell<T> cell(seed);
  std::vector<Variable<T>> asked;
  for (Variable<T>& p : cell.parameters)
    if (cell.chance(0.9)) asked.push_back(p.requires_grad(true));
  const index_t time = 32 + static_cast<index_t>(cell.below(40));
  Variable<T> xs = cell.random(cell.shape.inserted(0, time));
  if (cell.chance(0.7) || asked.empty()) asked.push_back(xs.requires_grad(true));
  const Variable<T> inputs = cell.chance(0.3) ? Variable<T>(tanh(xs)) : xs;
  RandomState<T> state;
  for (std::size_t m = 0; m < cell.members; ++m) {
    Variable<T> v = cell.random(cell.shape);
    if (cell.chance(0.5)) asked.push_back(v.requires_grad(true));
    state.members.push_back(v);
  }
  const auto run = scan(cell, inputs, state, {.reverse = cell.chance(0.5)});
  std::vector<Variable<T>> results = {run.output};
  results.insert(results.end(), run.state.members.begin(), run.state.members.end());

  Variable<T> loss(T{0});
  if (cell.chance(0.8)) loss = loss + sum(run.output * cell.random(run.output.shape()));
  if (cell.chance(0.3))
    loss = loss + sum(square(select(run.output, 0, static_cast<index_t>(cell.below(32)))));
  for (const Variable<T>& v : run.state.members)
    if (cell.chance(0.4)) loss = loss + sum(v * v);
  if (!loss.requires_grad()) return results;
  if (cell.chance(0.3)) {
    std::vector<Variable<T>> some;
    for (const Variable<T>& v : asked)
      if (cell.chance(0.5)) some.push_back(v);
    if (some.empty()) some.push_back(asked[0]);
    const auto gradients = grad<T>({loss}, some, GradOptions{.retain_graph = true});
    results.insert(results.end(), gradients.begin(), gradients.end());
  }
  const bool twice = cell.chance(0.3);
  loss.backward(twice);
  if (twice) loss.backward();
  for (const Variable<T>& v : asked)
    results.push_back(v.has_grad() ? Variable<T>(v.grad()) : Variable<T>(T{0}));
  return results;
}

int count_of_cells() {
  const char* const asked = std::getenv("UNROLL_RANDOM_CELLS");
  return asked ? std::atoi(asked) : 400;
}

template <class T>
void check_random_cells(int first, int last) {
  int planned = 0;
  for (int seed = first; seed < last; ++seed) {
    CAPTURE(seed);
    const bool same =
        same_both_ways<T>([&] { return run_random<T>(static_cast<std::uint64_t>(seed)); }, &planned);
    CHECK(same);
  }
  CHECK(planned * 3 > last - first);  // else this would say little
}

}  // namespace

TEST_CASE("scan programs: random cells have the same bits as when every step is recorded") {
  const int count = count_of_cells();
  check_random_cells<double>(0, count / 2);
  check_random_cells<float>(count / 2, count);
}

namespace {

using V = Variable<double>;
constexpr index_t step_count = 40, step_width = 5;

V random_array(const Shape& shape, std::uint64_t seed) {
  return random_parameter<double>(shape, seed).detach();
}

/// h' = tanh(h ⊙ w + x), and whatever else a test does.
template <class Also>
struct WatchedCell {
  V w = random_parameter<double>({step_width}, 1);
  Also also;
  V step(const V& x, const V& h) const {
    V next = tanh(h * w + x);
    return also(x, h, next);
  }
};
template <class Also>
WatchedCell<Also> cell_that(Also also) {
  return {random_parameter<double>({step_width}, 1), also};
}

template <class Also>
std::string plan_of(Also also, const ScanOptions& options = {}) {
  const auto cell = cell_that(also);
  return dump_plan([&] {
    scan(cell, random_array({step_count, step_width}, 2), V({step_width}, 0.5), options);
  });
}

constexpr auto nothing = [](const V&, const V&, V next) { return next; };

}  // namespace

namespace {

/// s_k' = tanh(a_k s_k + b_k s_{k−1}), s_{−1} = x: many small members, whose kernels are done as one.
template <class T>
std::vector<Variable<T>> run_chain(std::uint64_t seed) {
  Generator rng(seed);
  const auto below = [&](index_t n) { return rng.below(n); };
  const Shape shapes[] = {{1, 1}, {1}, {2}, {1, 3}, {7}, {17}};
  const Shape shape = shapes[below(6)];
  const auto links = static_cast<std::size_t>(3 + below(18));
  const bool two_results = below(3) == 0;
  const auto array = [&](const Shape& s) { return random_parameter<T>(s, seed + 7 * below(1000)); };
  std::vector<Variable<T>> a, b, asked;
  for (std::size_t k = 0; k < links; ++k) {
    a.push_back(array(shape)), b.push_back(array(shape));
    if (below(4) > 0) asked.push_back(a.back());
    if (below(4) == 0) b.back().requires_grad(false);
  }
  RandomState<T> state;
  for (std::size_t k = 0; k < links; ++k) state.members.push_back(array(shape));
  asked.push_back(state.members[0]);
  const auto step = [&](const Variable<T>& x, const RandomState<T>& before) {
    RandomState<T> next;
    for (std::size_t k = 0; k < links; ++k) {
      const Variable<T>& left = k > 0 ? before.members[k - 1] : x;
      if (two_results) {
        auto [p, q] = fuse([](auto u, auto v, auto w) { return std::tuple(tanh(u * w), sigmoid(v)); },
                           before.members[k], left, a[k]);
        next.members.push_back(p + q * b[k]);
      } else {
        next.members.push_back(tanh(before.members[k] * a[k] + left * b[k]));
      }
    }
    return next;
  };
  const Variable<T> xs = array(shape.inserted(0, 40));
  asked.push_back(xs);
  const auto run = scan(step, xs, state, {.reverse = below(2) == 0});
  Variable<T> loss = sum(square(run.output));
  for (std::size_t k = 0; k < links; ++k)
    if (below(3) == 0) loss = loss + sum(run.state.members[k] * run.state.members[k]);
  loss.backward();
  std::vector<Variable<T>> results = {run.output};
  results.insert(results.end(), run.state.members.begin(), run.state.members.end());
  for (const Variable<T>& v : asked)
    results.push_back(v.has_grad() ? Variable<T>(v.grad()) : Variable<T>(T{0}));
  return results;
}

}  // namespace

TEST_CASE("scan programs: many small members have the same bits, though several are computed at a time") {
  int planned = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    CHECK(same_both_ways<double>([&] { return run_chain<double>(seed); }, &planned));
    CHECK(same_both_ways<float>([&] { return run_chain<float>(seed); }, &planned));
  }
  CHECK(planned > 100);
}

TEST_CASE("scan programs: dump_plan shows the kernels of a step") {
  CHECK(plan_of(nothing) ==
        "scan of 40 steps: the first 3 are recorded, the others run by this program:\n"
        "v0 = tanh(add(mul(x, x), x))(s0, c0, x)  5 elements\n"
        "s0 = v0 (5,), the output\n");
  CHECK(dump_plan([] {}) == "no scan of 32 or more steps\n");
  CHECK_THROWS_WITH_AS(dump_plan({}), "dump_plan: the function is empty", UsageError);
}

TEST_CASE("scan programs: the tape has one node for all steps but the first") {
  const auto cell = cell_that(nothing);
  const auto nodes = [&](index_t steps) {
    const std::uint64_t before = tape_stats<double>().recorded;
    scan(cell, random_array({steps, step_width}, 2), V({step_width}, 0.5));
    return tape_stats<double>().recorded - before;
  };
  CHECK(nodes(40) == 3 + 2);  // three steps, the others, and the stack of all
  CHECK(nodes(4000) == nodes(40));
  CHECK(nodes(31) == 31 + 1);
}

TEST_CASE("scan programs: what a step does beside its ops is noticed, and all steps are recorded") {
  const auto recorded = [](const std::string& why) {
    return "scan of 40 steps: all are recorded: " + why + "\n";
  };
  int count = 0;
  std::vector<V> kept;
  Generator rng(1);
  CHECK(plan_of([&](const V&, const V&, V next) { return V(next * static_cast<double>(++count)); }) ==
        recorded("the second and the third step are not the same"));
  CHECK(plan_of([&](const V&, const V&, V next) { return V(next * rng.uniform(0, 1)); }) ==
        recorded("the second and the third step are not the same"));
  CHECK(plan_of([&](const V&, const V&, V next) { return ++count % 2 ? next : V(tanh(next)); }) ==
        recorded("the second and the third step are not the same"));
  CHECK(plan_of([&](const V&, const V& h, V next) { return h.data()[0] > 5 ? V(next * 2.0) : next; }) ==
        recorded("the step reads a value by data()"));
  CHECK(plan_of([&](const V& x, const V&, V next) { return x.value()(0) > 5 ? V(next * 2.0) : next; }) ==
        recorded("the step reads a value by value()"));
  CHECK(plan_of([&](const V&, const V&, V next) { return V(next * next.detach()); }) ==
        recorded("the step reads a value by detach()"));
  CHECK(plan_of([&](const V&, const V&, V next) {
          kept.push_back(next);
          return V(next * 2.0);
        }) == recorded("somebody else holds what the step computes"));
  kept.clear();
  CHECK(plan_of([&](const V&, const V&, V next) {
          next.register_hook([](const V& g) { return g; });
          return V(next * 2.0);
        }) == recorded("the gradient of tanh(add(mul(x, x), x)) is watched"));
  CHECK(plan_of([&](const V&, const V&, V next) {
          next.retain_grad();
          return V(next * 2.0);
        }) == recorded("the gradient of tanh(add(mul(x, x), x)) is watched"));
  CHECK(plan_of([&](const V&, const V&, V next) { return V(next - mean(next)); }) ==
        recorded("sum is not done without a node yet"));
  CHECK(plan_of(nothing, {.resets = Indices({step_count, step_width},
                                            std::vector<std::int64_t>(step_count * step_width))}) ==
        recorded("there are resets"));
  const NoGrad off;
  CHECK(plan_of(nothing) == recorded("nothing is recorded inside NoGrad"));
}

TEST_CASE("scan programs: a cell that refuses a value refuses it at any step") {
  const auto cell = cell_that([](const V& x, const V&, V next) {
    if (x.data()[0] > 100) raise<DataError>("the cell refuses {}", x.data()[0]);
    return next;
  });
  V xs = random_array({step_count, step_width}, 2);
  xs.mutable_data()[30 * step_width] = 1000;
  CHECK_THROWS_WITH_AS(scan(cell, xs, V({step_width}, 0.5)), "the cell refuses 1000", DataError);
}

TEST_CASE("scan programs: checked, a step that counts is found at the first that differs") {
  const ScanMode mode(ScanSteps::checked);
  int count = 0;
  const auto counting = [&](const V&, const V&, V next) {
    return ++count > 20 ? V(tanh(next)) : V(next * 1.0);
  };
  CHECK_THROWS_WITH_AS(plan_of(counting),
                       "scan: step 20 is not what the steps before it were, so that it must not run by their "
                       "program: it depends on something beside its input and the state:\n"
                       "v0 = tanh(add(mul(x, x), x))(s0, c0, x)  5 elements\n"
                       "v1 = tanh(x)(v0)  5 elements\n"
                       "s0 = v1 (5,), the output\n",
                       UsageError);
  count = 0;
  const auto reading = [&](const V&, const V& h, V next) {
    return ++count > 30 && h.item() > 0 ? next : next;
  };
  CHECK_THROWS_AS(plan_of(reading), UsageError);
  CHECK_NOTHROW(plan_of(nothing));
}

TEST_CASE("scan programs: second derivatives are those of recorded steps, up to rounding") {
  const auto gradients = [](ScanSteps steps) {
    const ScanMode mode(steps);
    const auto cell =
        cell_that([](const V& x, const V& h, V next) { return V(next + sigmoid(h) * x * 0.1); });
    V xs = random_parameter<double>({step_count, step_width}, 2),
      h = random_parameter<double>({step_width}, 3);
    const auto run = scan(cell, xs, h);
    const std::vector<V> in = {cell.w, xs, h};
    const V loss = sum(square(run.output)) + sum(run.state * run.state * run.state);
    std::vector<V> all = grad<double>({loss}, in, GradOptions{.create_graph = true});
    V penalty(0.0);
    for (const V& g : all) penalty = penalty + sum(square(g));
    const auto second = grad<double>({penalty}, in, GradOptions{});
    all.insert(all.end(), second.begin(), second.end());
    return all;
  };
  const auto right = gradients(ScanSteps::recorded), got = gradients(ScanSteps::programs);
  for (std::size_t k = 0; k < right.size(); ++k) {
    double largest = 0, apart = 0;
    for (index_t j = 0; j < right[k].size(); ++j) {
      largest = std::max(largest, std::abs(right[k].data()[j]));
      apart = std::max(apart, std::abs(got[k].data()[j] - right[k].data()[j]));
    }
    CHECK(largest > 0);
    CHECK(apart <= 1e-13 * largest);
  }
}

TEST_CASE("scan programs: anomaly mode finds the op in which a gradient goes wrong") {
  const auto message = [](ScanSteps steps) {
    const ScanMode mode(steps);
    const auto cell = cell_that([](const V&, const V&, V next) { return V(sqrt(next - next)); });
    V xs = random_parameter<double>({step_count, step_width}, 2);
    const auto run = scan(cell, xs, V({step_width}, 0.5));
    const AnomalyMode anomaly;
    try {
      sum(run.output).backward();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const std::string found = message(ScanSteps::programs);
  CHECK(found.find("sqrt") != std::string::npos);
  CHECK(found == message(ScanSteps::recorded));
}

TEST_CASE(
    "scan programs: a value that was changed before backward is refused, a bias that was not read is not") {
  const auto cell = cell_that(nothing);
  const auto run = scan(cell, random_array({step_count, step_width}, 2), V({step_width}, 0.5));
  V w = cell.w;
  w.update([](auto& a) { a(0) = 1; });
  CHECK_THROWS_AS(sum(run.output).backward(), UsageError);

  V u = random_parameter<double>({step_width, step_width}, 4), b = random_parameter<double>({step_width}, 5);
  const auto biased = [&](const V& x, const V& h) { return V(tanh(x + linear(h, u, b))); };
  const auto other = scan(biased, random_array({step_count, 1, step_width}, 2), V({1, step_width}, 0.5));
  b.update([](auto& a) { a(0) = 1; });
  CHECK_NOTHROW(sum(other.output).backward());
}

TEST_CASE("scan programs: backward gives their memory back") {
  const auto cell = cell_that(nothing);
  const auto in_use = [&](bool back) {
    const auto before = pool_stats().in_use;
    const auto run = scan(cell, random_array({4000, step_width}, 2), V({step_width}, 0.5));
    const V last = run.state;
    if (back) sum(run.output).backward();
    return pool_stats().in_use - before;
  };
  in_use(true);
  CHECK(in_use(true) + 4000 * step_width * sizeof(double) <= in_use(false) + 2000);
}
