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

namespace {

/// Values and gradients of a cell, which may be given what else to ask for.
template <class Step, class State>
std::vector<V> results_of(const Step& step, const V& xs, const State& state,
                          const std::vector<V>& parameters) {
  const auto run = scan(step, xs, state);
  const V& last = output_of(run.state);
  V(sum(square(run.output)) + sum(last * last * last)).backward();
  std::vector<V> all = {run.output, last};
  for (const V& p : parameters) all.push_back(p.has_grad() ? V(p.grad()) : V(0.0));
  return all;
}

V parameter(const Shape& shape, std::uint64_t seed) { return random_parameter<double>(shape, seed); }

struct PairState {
  V h, c;
  template <class F>
  void visit(F&& f) {
    f("h", h);
    f("c", c);
  }
};

}  // namespace

TEST_CASE("scan programs: an op that is not recorded is not taken for a constant") {
  V xs({step_count, step_width}, 0.0);  // silence at first, so that its results are equal
  for (index_t j = 20 * step_width; j < xs.size(); ++j)
    xs.mutable_data()[j] = 1 / (1.0 + static_cast<double>(j));
  const auto both = [&](auto step) {
    return same_both_ways<double>([&] {
      const V w = parameter({step_width}, 1);
      return results_of([&](const V& x, const V& h) { return step(w, x, h); }, xs, V({step_width}, 0.5), {w});
    });
  };
  CHECK(both([](const V& w, const V& x, const V& h) {
    const V z = tanh(x);
    return V(tanh(h * w + z));
  }));
  CHECK(both([](const V& w, const V& x, const V& h) {
    return V(tanh(h * w + reshape(reshape(x, {1, step_width}), {step_width})));
  }));
  CHECK(both([](const V& w, const V& x, const V& h) {
    V mask;
    {
      const NoGrad off;
      mask = where(h > 0.2, V(1.0), V(0.5));
    }
    return V(tanh(h * w * mask + x));
  }));
}

TEST_CASE("scan programs: what a step changes beside its state is changed in every step") {
  CHECK(same_both_ways<double>([] {
    const V w = parameter({step_width}, 1);
    V mean({step_width}, 0.0), bias({step_width}, 0.0);
    std::vector<V> all = results_of(
        [&](const V& x, const V& h) {
          const V next = tanh(h * w + x);
          const NoGrad off;
          mean = mean * 0.9 + next * 0.1;
          return next;
        },
        random_array({step_count, step_width}, 2), V({step_width}, 0.5), {w});
    all.push_back(mean);
    all.push_back(scan(
                      [&](const V& x, const V& h) {
                        bias.update([](auto& b) { b += 0.01; });
                        return V(tanh(h * w + x + bias));
                      },
                      random_array({step_count, step_width}, 2), V({step_width}, 0.5))
                      .output);
    all.push_back(bias);
    return all;
  }));
}

TEST_CASE("scan programs: an input that a product overwrites may be read again") {
  for (const index_t H : {5, 8}) {
    CHECK(same_both_ways<double>([&] {
      const V u = parameter({H, H}, 1), wx = parameter({H, 3}, 2);
      struct Projecting {
        V u, wx;
        V project(const V& xs) const { return linear(xs, wx); }
        V step(const V& x, const V& h) const {
          const V a = x + linear(h, u);
          return tanh(a) * 0.5 + x;
        }
      };
      const V xs = parameter({step_count, 2, 3}, 3);
      return results_of(Projecting{u, wx}, xs, V({2, H}, 0.5), {u, wx, xs});
    }));
  }
}

TEST_CASE("scan programs: constants may be parts of one array, overlapping or not, and x part of them") {
  const auto both = [](auto make) {
    return same_both_ways<double>([&] {
      const V p = parameter({3 * step_width}, 1), xs = parameter({step_count, step_width}, 2);
      const auto [q, s] = make(p, xs);
      return results_of([&, q = q, s = s](const V& x, const V& h) { return V(tanh(h * q + x * s)); }, xs,
                        V({step_width}, 0.5), {p, xs});
    });
  };
  CHECK(both([](const V& p, const V&) {
    return std::pair(slice(p, 0, 0, step_width), slice(p, 0, 2, step_width + 2));
  }));
  CHECK(both([](const V& p, const V&) {
    return std::pair(slice(p, 0, 0, step_width), slice(p, 0, 2 * step_width, 3 * step_width));
  }));
  CHECK(
      both([](const V& p, const V& xs) { return std::pair(slice(p, 0, 0, step_width), select(xs, 0, 37)); }));
}

TEST_CASE("scan programs: a member may be another in another shape, or a part of it") {
  CHECK(same_both_ways<double>([] {
    const V w = parameter({step_width}, 1), xs = parameter({step_count, step_width}, 2);
    return results_of(
        [&](const V& x, const PairState& s) {
          const V next = tanh(x * s.h + reshape(s.c, {step_width}) * w);
          return PairState{next, reshape(next, {1, step_width})};
        },
        xs, PairState{V({step_width}, 0.5), V({1, step_width}, 0.25)}, {w, xs});
  }));
}

TEST_CASE("scan programs: an input that is watched or kept is recorded in every step") {
  int calls = 0;
  CHECK(same_both_ways<double>([&] {
    const V w = parameter({step_width}, 1), xs = parameter({step_count, step_width}, 2);
    return results_of(
        [&](const V& x, const V& h) {
          V(x).register_hook([&](const V& g) {
            ++calls;
            return V(g * 2.0);
          });
          return V(tanh(h * w + x));
        },
        xs, V({step_width}, 0.5), {w, xs});
  }));
  CHECK(calls == 2 * step_count);
  std::vector<V> kept;
  scan(
      [&](const V& x, const V& h) {
        kept.push_back(x);
        return V(tanh(h + x));
      },
      parameter({step_count, step_width}, 2), V({step_width}, 0.5));
  CHECK(kept.size() == static_cast<std::size_t>(step_count));
}

TEST_CASE("scan programs: the last state is the last output, and may be asked for, watched and hooked") {
  for (const bool reverse : {false, true}) {
    CHECK(same_both_ways<double>([&] {
      const V w = parameter({step_width}, 1), xs = parameter({step_count, step_width}, 2);
      const auto step = [&](const V& x, const V& h) { return V(tanh(h * w + x)); };
      const auto a = scan(step, xs, V({step_width}, 0.5), {.reverse = reverse});
      std::vector<V> all = grad<double>(std::vector<V>{sum(square(a.output))}, std::vector<V>{a.state});
      auto b = scan(step, xs, V({step_width}, 0.5), {.reverse = reverse});
      b.state.retain_grad();
      b.state.register_hook([](const V& g) { return V(g * 3.0); });
      V(sum(square(b.output)) + sum(b.state)).backward();
      all.insert(all.end(), {V(b.state.grad()), V(w.grad()), V(xs.grad())});
      return all;
    }));
  }
}

TEST_CASE("scan programs: an output that is a product has the same bits, and no outputs are none") {
  CHECK(same_both_ways<float>([] {
    const auto w = random_parameter<float>({8, 8}, 1, -0.3, 0.3), b = random_parameter<float>({8}, 2);
    const auto xs = random_parameter<float>({600, 1, 8}, 3);
    const auto run =
        scan([&](const Variable<float>& x,
                 const Variable<float>& h) { return Variable<float>(linear(tanh(h + x), w, b)); },
             xs, Variable<float>({1, 8}, 0));
    sum(square(run.output)).backward();
    return std::vector{run.output, Variable<float>(w.grad()), Variable<float>(b.grad()),
                       Variable<float>(xs.grad())};
  }));
  CHECK(same_both_ways<double>([] {
    const V w = parameter({0, 3}, 1);
    const auto step = [&](const V& x, const V& h) { return V(tanh(h * h + linear(V(tanh(x)), w))); };
    return std::vector<V>{scan(step, parameter({step_count, 2, 3}, 2), V({2, 0}, 0.0)).output};
  }));
}

TEST_CASE("scan programs: inputs narrower than a batch are not read beyond their end") {
  for (const index_t wide : {1, 2, 3, 7}) {
    for (const bool reverse : {false, true}) {
      CHECK(same_both_ways<double>([&] {
        const V w = parameter({wide}, 1), xs = parameter({step_count, wide}, 2);
        const auto run = scan([&](const V& x, const V& h) { return V(tanh(h * w + x)); }, xs, V({wide}, 0.5),
                              {.reverse = reverse});
        sum(square(run.output)).backward();
        return std::vector{run.output, V(w.grad()), V(xs.grad())};
      }));
    }
  }
}
