#include "unroll/layers/several_inputs.hpp"

#include "cell_checks.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/rtrl.hpp"
#include "unroll/layers/scan_programs.hpp"
#include "unroll/layers/truncated_bptt.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// h' = e^(−a² dt) ⊙ h + gain ⊙ tanh(W x + U h); project makes four arrays of three inputs.
struct DecayTestCell {
  using value_type = double;
  using State = HiddenState<double>;
  static constexpr bool row_wise = true;
  static constexpr const char* input_names = "x dt gain";
  V weight, recurrent, rate;
  DecayTestCell() = default;
  DecayTestCell(index_t input, index_t hidden, bool, Generator& rng)
      : weight(detail::draw<double>({hidden, input}, hidden, rng)),
        recurrent(detail::draw<double>({hidden, hidden}, hidden, rng)),
        rate(detail::draw<double>({hidden}, hidden, rng)) {}
  index_t hidden_size() const { return recurrent.shape()[0]; }
  Inputs<double, 4> project(const V& x, const V& dt, const V& gain) const {
    return {linear(x, weight), V(exp(-square(rate) * dt)), gain, dt};
  }
  State step(const V& u, const V& decay, const V& gain, const V&, const State& s) const {
    const V a = u + linear(s.h, recurrent);
    return {decay * s.h + gain * tanh(a)};
  }
  template <class Visitor>
  void visit(Visitor&& v) {
    v("weight", weight), v("recurrent", recurrent), v("rate", rate);
  }
};

// The same cell of one input, x, dt and gain side by side; without project.
struct JoinedTestCell {
  using State = HiddenState<double>;
  DecayTestCell cell;
  State step(const V& all, const State& s) const {
    const index_t I = cell.weight.shape()[1];
    const V x = slice(all, 1, 0, I), dt = slice(all, 1, I, I + 1);
    const V gain = slice(all, 1, I + 1, all.shape()[1]);
    const V a = linear(x, cell.weight) + linear(s.h, cell.recurrent);
    return {exp(-square(cell.rate) * dt) * s.h + gain * tanh(a)};
  }
};

DecayTestCell decay_cell(index_t input = 3, index_t hidden = 2) {
  Generator rng(1);
  return {input, hidden, true, rng};
}
std::tuple<V, V, V> decay_inputs(index_t steps, index_t batch = 2, index_t hidden = 2) {
  return {random_parameter({steps, batch, 3}, 2), random_parameter({steps, batch}, 3, 0.1, 2),
          random_parameter({steps, batch, hidden}, 4)};
}
template <class... X>
std::tuple<X...> parts_of_inputs(const std::tuple<X...>& inputs, index_t from, index_t to) {
  return std::apply([&](const auto&... x) { return std::tuple{slice(x, 0, from, to)...}; }, inputs);
}

}  // namespace

TEST_CASE(
    "several inputs: a scan equals that of the cell with all inputs side by side, in every way to run") {
  const auto cell = decay_cell();
  const auto [x, dt, gain] = decay_inputs(3);
  const HiddenState<double> start{random_parameter({2, 2}, 5)};
  // What a step is given in reverse, for the lengths and resets of ways_to_run(): t + 1, or the sequence's first.
  const auto turned = [&, dt = dt](const ScanOptions& o) {
    if (!o.reverse) return dt;
    const bool ragged = o.lengths.size() > 0, cut = o.resets.size() > 0;
    const V d0 = select(dt, 1, 0), d1 = select(dt, 1, 1);
    const V first = ragged ? d0 : concat({slice(d0, 0, 1, 3), slice(d0, 0, 0, 1)});
    const V second = cut ? concat({slice(d1, 0, 1, 2), slice(d1, 0, 0, 1), slice(d1, 0, 2, 3)})
                         : concat({slice(d1, 0, 1, 3), slice(d1, 0, 0, 1)});
    return stack({first, second}, 1);
  };
  for (const ScanOptions& o : ways_to_run()) {
    const V joined = concat({x, unsqueeze(turned(o), 2), gain}, 2);
    const auto right = scan(JoinedTestCell{cell}, joined, start, o);
    const auto [y, last] = scan(cell, std::tuple{x, dt, gain}, start, o);
    CHECK(distance(list(y), list(right.output)) < 1e-14);
    CHECK(distance(list(last.h), list(right.state.h)) < 1e-14);
  }
}

TEST_CASE("several inputs: gradients of every way to run pass the check, element by element") {
  several_gradients_pass(decay_cell(), HiddenState<double>{random_parameter({2, 2}, 5)}, decay_inputs(3));
}

TEST_CASE("several inputs: a function takes them, and so does a scan without the axis B") {
  const auto f = [](const V& x, const V& dt, const V& h) -> V { return h + dt * x; };
  const V x = values({4, 1}, {1, 2, 3, 4}), dt = values({4}, {1, 1, 2, 0.5});
  CHECK(list(scan(f, std::tuple{x, dt}, V({1}, 0.0)).output) == Vec{1, 3, 9, 11});
}

TEST_CASE("several inputs: layers take them batch first, in stacks and in both directions") {
  Generator rng(2);
  using Net = Recurrent<DecayTestCell>;
  const Net net(3, 2, {.num_layers = 2}, rng);
  Net batch_first(3, 2, {.num_layers = 2, .batch_first = true}, rng);
  const auto [x, dt, gain] = decay_inputs(4);
  for (const int k : {0, 1}) batch_first.cell(k) = net.cell(k);
  const auto swap = [](const V& v) -> V { return transpose(v, 0, 1); };
  const auto y = net(x, dt, gain).output;
  CHECK(list(swap(batch_first(swap(x), swap(dt), swap(gain)).output)) == list(y));
  const auto low = scan(net.cell(0), std::tuple{x, dt, gain});
  CHECK(list(scan(net.cell(1), std::tuple{low.output, dt, gain}).output) == list(y));
  CHECK(list(net(x, dt, gain, {.lengths = {4, 2}}).output) ==
        list(net(std::tuple{x, dt, gain}, net.initial_state(2), {.lengths = {4, 2}}).output));

  const Net both(3, 2, {.bidirectional = true}, rng);
  const auto z = both(x, dt, gain, {.lengths = {4, 2}}).output;
  const auto back =
      scan(both.cell(0, 1), std::tuple{x, dt, gain}, {.reverse = true, .lengths = {4, 2}}).output;
  CHECK(list(slice(z, 2, 2, 4)) == list(back));
  CHECK(list(slice(z, 2, 0, 2)) ==
        list(scan(both.cell(0), std::tuple{x, dt, gain}, {.lengths = {4, 2}}).output));
}

TEST_CASE("several inputs: a reversed scan walks a sequence and its times from the end") {
  const auto cell = decay_cell();
  const auto [x, dt, gain] = decay_inputs(4);
  // From times 0, d1, d1 + d2, … the way back has d3, d2, d1 between its steps.
  const V times_back =
      concat({slice(dt, 0, 0, 1), slice(dt, 0, 3, 4), slice(dt, 0, 2, 3), slice(dt, 0, 1, 2)});
  const auto flipped = [](const V& v) {
    return concat({slice(v, 0, 3, 4), slice(v, 0, 2, 3), slice(v, 0, 1, 2), slice(v, 0, 0, 1)});
  };
  const auto right = scan(cell, std::tuple{flipped(x), times_back, flipped(gain)}).output;
  CHECK(distance(list(flipped(scan(cell, std::tuple{x, dt, gain}, {.reverse = true}).output)), list(right)) <
        1e-14);
}

TEST_CASE("several inputs: streams and parts of a sequence give the whole") {
  Generator rng(3);
  several_streams_pass(Recurrent<DecayTestCell>(3, 2, {.num_layers = 2}, rng), decay_inputs(5));
}

TEST_CASE("several inputs: real-time recurrent learning and truncated BPTT learn as scan does") {
  const auto cell = decay_cell();
  const auto inputs = decay_inputs(4);
  const auto start = initial_state(cell, 2);
  const auto gradients = [&](auto&& learn) {
    for (const V& p : leaves(cell)) V(p).zero_grad();
    learn();
    std::vector<Vec> all;
    for (const V& p : leaves(cell)) all.push_back(gradient_list(p));
    return all;
  };
  const auto whole = gradients([&] { sum(square(scan(cell, inputs, start).output)).backward(); });
  const auto each = [&](auto& learner, auto&& after) {
    for (index_t t = 0; t < 4; ++t) {
      const V h =
          std::apply([&](const auto&... x) { return learner.step(select(x, 0, t).detach()...); }, inputs);
      after(V(sum(square(h))));
    }
  };
  const auto online = gradients([&] {
    Rtrl rtrl(cell, start);
    each(rtrl, [&](const V& loss) { rtrl.backward(loss); });
  });
  const auto stepped = gradients([&] {
    TruncatedBptt bptt(cell, start, {.k1 = 4, .k2 = 4});
    each(bptt, [&](const V& loss) { bptt.learn(loss); });
  });
  const auto at_once = gradients([&] {
    TruncatedBptt bptt(cell, start, {.k1 = 4, .k2 = 4});
    for (const index_t t : {0, 2}) {
      const V hs =
          std::apply([&](const auto&... x) { return bptt.run(x...); }, parts_of_inputs(inputs, t, t + 2));
      bptt.learn(sum(square(hs)));
    }
  });
  for (std::size_t k = 0; k < whole.size(); ++k) {
    CHECK(distance(online[k], whole[k]) < 1e-13);
    CHECK(distance(stepped[k], whole[k]) < 1e-13);
    CHECK(distance(at_once[k], whole[k]) < 1e-13);
  }
}

TEST_CASE(
    "several inputs: steps run by a program, and rows are divided over threads, with the same results") {
  const auto run = [](const DecayTestCell& cell, const auto& inputs) {
    for (const V& p : leaves(cell)) V(p).zero_grad();
    const V y = scan(cell, inputs).output;
    sum(square(y)).backward();
    std::vector<Vec> results = {list(y)};
    for (const V& p : leaves(cell)) results.push_back(gradient_list(p));
    return results;
  };
  const auto small = decay_inputs(40, 1), large = decay_inputs(60, 40, 40);
  const auto small_cell = decay_cell(), large_cell = decay_cell(3, 40);
  std::vector<Vec> programs, recorded;
  const std::string plan = dump_plan([&] { programs = run(small_cell, small); });
  CHECK_MESSAGE(plan.find("run by this program") != std::string::npos, plan);
  {
    const ScanMode mode(ScanSteps::recorded);
    recorded = run(small_cell, small);
  }
  CHECK(programs == recorded);
  const auto alone = run(large_cell, large);
  set_num_threads(2);
  const auto shared = run(large_cell, large);
  CHECK_THROWS_AS(grad(sum(square(scan(large_cell, large).output)), large_cell.rate, {.create_graph = true}),
                  UsageError);  // as of any scan that is divided
  set_num_threads(1);
  for (std::size_t k = 0; k < alone.size(); ++k)
    CHECK(distance(shared[k], alone[k]) < 1e-11);  // other order of sums
}

TEST_CASE("several inputs: what does not fit is named") {
  const auto cell = decay_cell();
  const V x({5, 2, 3}, 0.0), dt({5, 2}, 1.0), gain({5, 2, 1}, 1.0);
  const auto shape_error = [&](const V& a, const V& b, const V& c) {
    return message_of<ShapeError>([&] { scan(cell, std::tuple{a, b, c}); });
  };
  CHECK(shape_error(x, V({4, 2}, 1.0), gain) ==
        "scan: need dt (5, 2) or (5, 2, 1) for x (5, 2, 3); got (4, 2)");
  CHECK(shape_error(x, V({5, 2, 2}, 1.0), gain) ==
        "scan: need dt (5, 2) or (5, 2, 1) for x (5, 2, 3); got (5, 2, 2)");
  CHECK(shape_error(x, dt, V({5, 3, 1}, 1.0)) ==
        "scan: need gain with the axes of x (5, 2, 3) but for the last; got (5, 3, 1)");
  CHECK(message_of<UsageError>([&] { scan(cell, std::tuple{x, V(), gain}); }) == "scan: dt is empty");
  CHECK_THROWS_AS(scan(cell, std::tuple{V(), dt, gain}), UsageError);
  const auto bad = [&](double value) {
    V d = dt.copy();
    d.mutable_data()[7] = value;
    return d;
  };
  const auto value_error = [&](const V& d, const ScanOptions& o) {
    return message_of<UsageError>([&] { scan(cell, std::tuple{x, d, gain}, o); });
  };
  CHECK(value_error(bad(-1), {}) ==
        "scan: need dt of finite numbers that are not negative; got -1 as number 7 of (5, 2, 1)");
  CHECK(value_error(bad(std::nan("")), {.lengths = {5, 4}}).find("got nan as number 7") != std::string::npos);
  scan(cell, std::tuple{x, bad(std::nan("")), gain}, {.lengths = {5, 3}});  // beyond the sequence's end

  Generator rng(4);
  const Recurrent<DecayTestCell> net(3, 2, {}, rng), swapped(3, 2, {.batch_first = true}, rng);
  CHECK(message_of<ShapeError>([&] {
          net(x, V({2, 5}, 1.0), gain);
        }) == "recurrent: need dt (5, 2) or (5, 2, 1) for x (5, 2, 3); got (2, 5)");
  CHECK(message_of<ShapeError>([&] {
          net(V({5, 2, 4}, 0.0), dt, gain);
        }) == "recurrent: need x (T, B, 3); got (5, 2, 4)");
  CHECK(message_of<UsageError>([&] { swapped(x, bad(-1), gain); }).find("recurrent: need dt") == 0);
  CHECK(message_of<UsageError>([&] { net(x); }) == "cell: it takes 3 inputs (x dt gain); got one");
  auto s = stream(net, 2);
  CHECK(message_of<UsageError>([&] {
          s.step(V({2, 3}, 0.0), V({2}, -1.0), V({2}, 1.0));
        }) == "stream: need dt of finite numbers that are not negative; got -1 as number 0 of (2, 1)");
  CHECK(message_of<ShapeError>([&] {
          s.step(V({2, 3}, 0.0), V({3}, 1.0), V({2}, 1.0));
        }) == "stream: need dt (2,) or (2, 1) for x (2, 3); got (3,)");
}
