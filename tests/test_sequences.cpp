#include <doctest/doctest.h>

#include <numeric>

#include "arrays.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/scan.hpp"

// Ragged batches, resets, recomputation and noise, for cells that know nothing of them.

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

// A user's cell: `step` and nothing else.
struct OwnCell {
  V w = random_parameter({3, 2}, 11), u = random_parameter({3, 3}, 12), b = random_parameter({3}, 13);
  V step(const V& x, const V& h) const { return tanh(linear(x, w, b) + linear(h, u)) * 0.9 + h * 0.1; }
  Vs parameters() const { return {w, u, b}; }
};

struct OwnLstm : LstmCell<double> {
  static LstmCell<double> make() {
    Generator rng(5);
    return {2, 3, true, rng};
  }
  OwnLstm() : LstmCell<double>(make()) {}
  Vs parameters() const { return {weight_ih, weight_hh, bias_ih, bias_hh}; }
};

void begin(V& h, index_t batch) { h = random_parameter({batch, 3}, 21); }
void begin(LstmState<double>& s, index_t batch) {
  s = {random_parameter({batch, 3}, 21), random_parameter({batch, 3}, 22)};
}
Vs members(const V& h) { return {h}; }
Vs members(const LstmState<double>& s) { return {s.h, s.c}; }

template <class C>
struct StateOf {
  using type = V;
};
template <>
struct StateOf<OwnLstm> {
  using type = LstmState<double>;
};

constexpr index_t steps = 6, batch = 5;
const Indices ragged = {3, 6, 0, 1, 3};

V inputs() { return random_parameter({steps, batch, 2}, 31); }

// A loss that looks at every output and every member of the last state.
template <class S>
V loss_of(const Scanned<double, S>& r) {
  V loss = sum(r.output * random_parameter(r.output.shape(), 41).detach());
  std::uint64_t seed = 42;
  for (const V& m : members(r.state)) loss = loss + sum(m * random_parameter(m.shape(), seed++).detach());
  return loss;
}

// The rows [b, b + 1) of a state.
V row_of(const V& h, index_t b) { return slice(h, 0, b, b + 1); }
LstmState<double> row_of(const LstmState<double>& s, index_t b) { return {row_of(s.h, b), row_of(s.c, b)}; }

// Each sequence by itself: row b of the result, padded with zeros.
template <class C, class S>
Scanned<double, S> one_by_one(const C& cell, const V& xs, const S& s0, const Indices& lengths, bool reverse) {
  Vs outputs;
  std::vector<Vs> rows(members(s0).size());
  for (index_t b = 0; b < xs.shape()[1]; ++b) {
    const index_t n = lengths[b];
    Scanned<double, S> r{V(), row_of(s0, b)};
    Vs column;
    if (n > 0) {
      r = scan(cell, V(slice(slice(xs, 1, b, b + 1), 0, 0, n) * 1.0), r.state, {.reverse = reverse});
      column.push_back(r.output);
    }
    if (n < steps) column.push_back(V({steps - n, 1, 3}, 0.0));
    outputs.push_back(concat(column, 0));
    const Vs m = members(r.state);
    for (std::size_t k = 0; k < m.size(); ++k) rows[k].push_back(m[k]);
  }
  Scanned<double, S> all{concat(outputs, 1), s0};
  std::size_t k = 0;
  all.state = map_state(s0, [&](const V&) { return concat(rows[k++], 0); });
  return all;
}

template <class S>
std::vector<double> all_values(const Scanned<double, S>& r) {
  std::vector<double> all = list(r.output);
  for (const V& m : members(r.state))
    for (double x : list(m)) all.push_back(x);
  return all;
}

template <class C>
struct Setting {
  C cell;
  V xs = inputs();
  typename StateOf<C>::type s0;
  Setting() { begin(s0, batch); }
  Vs leaves() const {
    Vs all = {xs};
    for (const V& m : members(s0)) all.push_back(m);
    for (const V& p : cell.parameters()) all.push_back(p);
    return all;
  }
  auto run(const ScanOptions& options) const { return scan(cell, xs, s0, options); }
};

template <class S>
std::vector<std::vector<double>> gradients(const Scanned<double, S>& r, const Vs& leaves) {
  std::vector<std::vector<double>> all;
  for (const V& g : grad<double>(Vs{loss_of(r)}, leaves)) all.push_back(list(g));
  return all;
}

const Indices begins = [] {
  std::vector<std::int64_t> at(static_cast<std::size_t>(steps * batch), 0);
  for (index_t place :
       {0 * batch + 0, 1 * batch + 0, 2 * batch + 1, 5 * batch + 1, 2 * batch + 4, 3 * batch + 0})
    at[static_cast<std::size_t>(place)] = 1;  // the last one lies in row 0's padding
  return Indices({steps, batch}, at);
}();

}  // namespace

TEST_CASE_TEMPLATE("ragged: every sequence is as if it were alone, in both directions", C, OwnCell, OwnLstm) {
  const Setting<C> s;
  for (bool reverse : {false, true}) {
    CAPTURE(reverse);
    const auto together = s.run({.reverse = reverse, .lengths = ragged});
    const auto alone = one_by_one(s.cell, s.xs, s.s0, ragged, reverse);
    // Products of other sizes sum in another order.
    CHECK(distance(all_values(together), all_values(alone)) < 1e-14);
    const auto a = gradients(together, s.leaves()), b = gradients(alone, s.leaves());
    for (std::size_t k = 0; k < a.size(); ++k) CHECK(distance(a[k], b[k]) < 1e-13);
  }
}

TEST_CASE("ragged: padding influences neither values nor gradients, not even when it is NaN") {
  const Setting<OwnCell> s;
  V dirty = s.xs.copy();
  for (index_t t = 0; t < steps; ++t)
    for (index_t b = 0; b < batch; ++b)
      for (index_t i = 0; t >= ragged[b] && i < 2; ++i)
        dirty.mutable_data()[(t * batch + b) * 2 + i] = std::numeric_limits<double>::quiet_NaN();
  dirty.requires_grad(true);
  const auto clean = s.run({.lengths = ragged});
  const auto r = scan(s.cell, dirty, s.s0, {.lengths = ragged});
  CHECK(all_values(r) == all_values(clean));
  const auto g = list(grad(loss_of(r), dirty));
  CHECK(g == list(grad(loss_of(clean), s.xs)));
  for (index_t t = 0; t < steps; ++t)
    for (index_t b = 0; b < batch; ++b)
      if (t >= ragged[b]) CHECK(g[static_cast<std::size_t>((t * batch + b) * 2)] == 0);
}

TEST_CASE("ragged: the rows computed are the sum of the lengths") {
  const Setting<OwnCell> s;
  index_t rows = 0;
  const auto counting = [&](const V& x, const V& h) {
    CHECK(x.shape()[0] == h.shape()[0]);
    rows += x.shape()[0];
    return s.cell.step(x, h);
  };
  scan(counting, s.xs, s.s0, {.lengths = ragged});
  CHECK(rows == 3 + 6 + 0 + 1 + 3);
}

TEST_CASE("ragged: equal lengths, only empty sequences, and the final state of an empty one") {
  const Setting<OwnCell> s;
  CHECK(all_values(s.run({.lengths = {6, 6, 6, 6, 6}})) == all_values(s.run({})));
  const auto none = s.run({.lengths = {0, 0, 0, 0, 0}});
  CHECK(list(none.output) == std::vector<double>(steps * batch * 3, 0.0));
  CHECK(list(none.state) == list(s.s0));
  CHECK(list(row_of(s.run({.lengths = ragged}).state, 2)) == list(row_of(s.s0, 2)));
}

TEST_CASE_TEMPLATE("gradients: every way to run passes the gradient check", C, OwnCell, OwnLstm) {
  const Setting<C> s;
  for (bool reverse : {false, true})
    for (const Indices& lengths : {Indices(), ragged})
      for (const Indices& resets : {Indices(), begins})
        for (index_t segment : {0, 2}) {
          CAPTURE(reverse);
          CAPTURE(lengths.size());
          CAPTURE(resets.size());
          CAPTURE(segment);
          const ScanOptions options{
              .reverse = reverse, .lengths = lengths, .resets = resets, .segment = segment};
          gradcheck([&](const Vs&) { return loss_of(s.run(options)); }, s.leaves());
        }
}

TEST_CASE("resets: each piece is a sequence of its own that begins at zero, in both directions") {
  const Setting<OwnCell> s;
  const V x = V(slice(s.xs, 1, 1, 2));  // row 1 begins anew at steps 2 and 5
  const V h0 = row_of(s.s0, 1), zero({1, 3}, 0.0);
  const auto piece = [&](index_t from, index_t to, const V& h, bool reverse) {
    return scan(s.cell, V(slice(x, 0, from, to) * 1.0), h, {.reverse = reverse}).output;
  };
  const auto column = [&](bool reverse) {
    return slice(s.run({.reverse = reverse, .resets = begins}).output, 1, 1, 2);
  };
  const V forward = concat(Vs{piece(0, 2, h0, false), piece(2, 5, zero, false), piece(5, 6, zero, false)}, 0);
  const V backward = concat(Vs{piece(0, 2, zero, true), piece(2, 5, zero, true), piece(5, 6, h0, true)}, 0);
  CHECK(distance(list(column(false)), list(forward)) < 1e-15);
  CHECK(distance(list(column(true)), list(backward)) < 1e-15);
  // The gradient is cut: what came before step 5 has no part in it.
  const auto g = list(grad(sum(select(column(false), 0, 5)), s.xs));
  for (index_t t = 0; t < steps; ++t)
    for (index_t b = 0; b < batch; ++b)
      CHECK((g[static_cast<std::size_t>((t * batch + b) * 2)] != 0) == (t == 5 && b == 1));
}

TEST_CASE("resets: a cell that says how it begins is asked") {
  struct Cell {
    V step(const V& x, const V& h) const { return h + x; }
    V initial_state(index_t rows) const { return V({rows, 1}, 10.0); }
  };
  const V xs({4, 2, 1}, 1.0);
  const Indices at({4, 2}, {0, 0, 0, 0, 1, 0, 0, 1});
  const auto r = scan(Cell{}, xs, V({2, 1}, 0.0), {.resets = at});
  CHECK(list(r.output) == std::vector<double>{1, 1, 2, 2, 11, 3, 12, 11});
}

TEST_CASE_TEMPLATE("recomputation: outputs and input gradients are the same to the bit", C, OwnCell,
                   OwnLstm) {
  const Setting<C> s;
  for (const Indices& lengths : {Indices(), ragged})
    for (bool reverse : {false, true})
      for (index_t segment : {index_t{1}, index_t{4}, index_t{100}, ScanOptions::square_root}) {
        CAPTURE(segment);
        ScanOptions options{.reverse = reverse, .lengths = lengths};
        const auto plain = s.run(options);
        options.segment = segment;
        const auto saved = s.run(options);
        CHECK(all_values(saved) == all_values(plain));
        const auto a = gradients(saved, s.leaves()), b = gradients(plain, s.leaves());
        const std::size_t states = 1 + members(s.s0).size();
        for (std::size_t k = 0; k < states; ++k) CHECK(a[k] == b[k]);
        for (std::size_t k = states; k < a.size(); ++k)
          CHECK(distance(a[k], b[k]) < 1e-12);  // summed by segment
        CHECK(gradients(s.run(options), s.leaves()) == a);
      }
}

TEST_CASE_TEMPLATE("recomputation: to the bit, also where parts and whole are multiplied in other ways", T,
                   float, double) {
  Generator rng(1);
  for (const auto& sizes : {std::array<index_t, 3>{40, 32, 64}, {60, 7, 50}, {50, 1, 32}, {6, 130, 20}}) {
    const index_t time = sizes[0], rows = sizes[1], hidden = sizes[2];
    const LstmCell<T> cell(33, hidden, true, rng);
    const auto x = random_parameter<T>({time, rows, 33}, 1);
    const auto run = [&](index_t segment) {
      const auto r = scan(cell, x, cell.initial_state(rows), {.segment = segment});
      const auto g = grad<T>(std::vector<Variable<T>>{sum(r.output * r.output)}, {x});
      return std::pair(list(r.output), list(g[0]));
    };
    const auto whole = run(0);
    for (index_t segment : {1, 3, 20}) CHECK((run(segment) == whole));
  }
}

TEST_CASE("recomputation: memory grows with the square root of the length") {
  Generator rng(3);
  const LstmCell<double> cell(4, 16, true, rng);
  const auto extra = [&](index_t time, const ScanOptions& options) {
    const V x = random_parameter({time, 8, 4}, 1);
    const auto run = [&] { sum(scan(cell, x, cell.initial_state(8), options).output).backward(); };
    run();  // the parameters' gradients and packed copies are there from now on
    V(x).zero_grad();
    const auto before = pool_stats().in_use;
    reset_pool_peak();
    run();
    // Beyond the gradient of the input, and the output and its gradient.
    return static_cast<double>(pool_stats().peak - before) -
           static_cast<double>(time * 8 * (4 + 2 * 16)) * sizeof(double);
  };
  const ScanOptions root{.segment = ScanOptions::square_root};
  const double small = extra(256, root), large = extra(4096, root);
  CHECK(large < 6 * small);             // 16 times the length: 4 times the memory, and what is fixed
  CHECK(extra(4096, {}) > 10 * large);  // against all of it
  CHECK(extra(4096, {.memory = 1 << 20}) < 3 << 20);  // the budget is for a segment; the states come on top
}

TEST_CASE("noise: zoneout mixes old and new values, and evaluation takes their mean") {
  const Setting<OwnLstm> s;
  const V x1 = V(slice(s.xs, 0, 0, 1) * 1.0);
  const auto plain = scan(s.cell, x1, s.s0);
  ScanOptions options{.noise = {.zoneout = 0.4, .zoneout_memory = 0.7, .key = {.seed = 9}}};
  const auto noisy = scan(s.cell, x1, s.s0, options);
  int kept = 0;
  for (index_t i = 0; i < batch * 3; ++i) {
    const double h = noisy.state.h.data()[i], old = s.s0.h.data()[i], next = plain.state.h.data()[i];
    CHECK((h == old || h == next));
    kept += h == old;
  }
  CHECK(kept > 0);
  CHECK(kept < batch * 3);
  CHECK(list(noisy.output) == list(noisy.state.h));
  options.noise.training = false;
  const auto mean = scan(s.cell, x1, s.s0, options);
  CHECK(distance(list(mean.state.h), list(V(0.4 * s.s0.h + 0.6 * plain.state.h))) < 1e-15);
  CHECK(distance(list(mean.state.c), list(V(0.7 * s.s0.c + 0.3 * plain.state.c))) < 1e-15);
}

TEST_CASE("noise: recurrent dropout drops the same elements at every step, and scales the others") {
  const auto pass_on = [](const V& x, const V& h) -> V { return x + h * 0.0 + (h * 0.0 + h); };
  const V xs({3, 2, 4}, 0.0), h0({2, 4}, 1.0);
  ScanOptions options{.noise = {.dropout = 0.5, .key = {.seed = 4}}};
  const auto y = list(scan(pass_on, xs, h0, options).output);
  bool dropped = false, kept = false;
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK((y[i] == 0 || y[i] == 2));
    CHECK(y[8 + i] == 2 * y[i]);
    CHECK(y[16 + i] == 4 * y[i]);
    dropped = dropped || y[i] == 0, kept = kept || y[i] == 2;
  }
  CHECK(dropped);
  CHECK(kept);
  options.noise.training = false;
  CHECK(list(scan(pass_on, xs, h0, options).output) == std::vector<double>(24, 1.0));
}

TEST_CASE("noise: masks depend on place alone, not on lengths or recomputation, and gradients are right") {
  const Setting<OwnLstm> s;
  ScanOptions options{.noise = {.dropout = 0.3, .zoneout = 0.2, .zoneout_memory = 0.4, .key = {.seed = 7}}};
  const auto full = s.run(options);
  options.lengths = ragged;
  const auto shorter = s.run(options);
  for (index_t b = 0; b < batch; ++b)
    for (index_t t = 0; t < ragged[b]; ++t)
      CHECK(distance(list(select(select(full.output, 0, t), 0, b)),
                     list(select(select(shorter.output, 0, t), 0, b))) < 1e-15);
  const auto g = gradients(shorter, s.leaves());
  gradcheck([&](const Vs&) { return loss_of(s.run(options)); }, s.leaves());
  options.segment = 2;
  const auto saved = s.run(options);
  CHECK(all_values(saved) == all_values(shorter));
  CHECK(gradients(saved, s.leaves())[0] == g[0]);
}

TEST_CASE("recomputation: what a cell counts is counted once, and its copies see the same") {
  struct Noisy {
    V w = random_parameter({2, 2}, 3);
    mutable RandomKey key{.seed = 2};
    V step(const V& x, const V& h) const {
      V mask = V::uninitialised(h.shape());
      std::vector<std::uint32_t> words(static_cast<std::size_t>(h.size()));
      random_words(key, words);
      ++key.step;
      for (index_t i = 0; i < h.size(); ++i)
        mask.mutable_data()[i] = words[static_cast<std::size_t>(i)] % 2 ? 1.0 : 0.5;
      return tanh(linear(h, w) + x) * mask;
    }
  };
  const V xs = random_parameter({7, 3, 2}, 1), h0 = random_parameter({3, 2}, 2);
  const Noisy plain, saved;
  const V a = scan(plain, xs, h0).output, b = scan(saved, xs, h0, {.segment = 3}).output;
  CHECK(list(a) == list(b));
  CHECK(plain.key.step == 7);
  const auto ga = list(grad(sum(a * a), xs)), gb = list(grad(sum(b * b), xs));
  CHECK(ga == gb);
  CHECK(saved.key.step == 7);
}

TEST_CASE("a cell that mixes the rows of its batch is right in every way to run that keeps them together") {
  const V w = random_parameter({2, 2}, 8);
  const auto centred = [&](const V& x, const V& h) -> V {
    const V z = linear(h, w) + x;
    return tanh(z - mean(z, 0, {.keepdims = true}));
  };
  const V xs = random_parameter({5, 3, 2}, 1), h0 = random_parameter({3, 2}, 2);
  for (bool reverse : {false, true})
    for (index_t segment : {0, 2})
      gradcheck(
          [&](const Vs&) { return scan(centred, xs, h0, {.reverse = reverse, .segment = segment}).output; },
          {xs, h0, w});
}

TEST_CASE("sequences: mistakes name what was expected") {
  const Setting<OwnCell> s;
  const auto message = [&](const ScanOptions& options) { return message_of<Error>([&] { s.run(options); }); };
  CHECK(message({.lengths = {1, 2}}) == "scan: need a length for each of 5 sequences; got lengths (2,)");
  CHECK(message({.lengths = {1, 2, 7, 1, 1}}) ==
        "scan: need lengths from 0 to 6, the number of time steps; sequence 2 has 7");
  CHECK(message({.lengths = {1, 2, -1, 1, 1}}) ==
        "scan: need lengths from 0 to 6, the number of time steps; sequence 2 has -1");
  CHECK(message({.resets = {1, 0}}) == "scan: need resets (6, 5) for xs (6, 5, 2); got (2,)");
  CHECK(message({.segment = -2}) ==
        "scan: need a segment of 1 or more steps, 0 for none or square_root; got -2");
  CHECK(message({.noise = {.dropout = 1.0}}) == "scan: need 0 ≤ recurrent dropout < 1; got 1");
  CHECK_THROWS_AS(scan(s.cell, s.xs, V({1, 3}, 0.0), {.lengths = ragged}), ShapeError);
  CHECK_THROWS_AS(scan([](const V& x, const V&) { return sum(x); }, s.xs, s.s0, {.lengths = ragged}),
                  ShapeError);
  gradcheck([&](const Vs&) { return loss_of(s.run({.lengths = ragged})); },
            s.leaves());  // the tape is unharmed
}

TEST_CASE("sequences: inputs and states without the rows or the rank that a scan needs are refused") {
  const auto echo = [](const V& x, const V&) { return V(x); };
  CHECK(message_of<ShapeError>([&] { scan(echo, V({4}, 1.0), V(Shape{}, 0.0), {.lengths = {4}}); }) ==
        "scan: lengths and resets need xs (T, B, …); got (4,)");
  const auto loses = [](const V& x, const LstmState<double>&) { return LstmState<double>{x, sum(x)}; };
  const V two({2, 2, 3}, 1.0), zeros({2, 3}, 0.0);
  CHECK(message_of<ShapeError>([&] {
          scan(loses, two, LstmState<double>{zeros, zeros}, {.lengths = {2, 1}});
        }) == "scan: with lengths each member of the state needs 2 rows; got ()");
  const auto halve = [](const V&, const V& h) { return V(h * 0.5); };
  CHECK(message_of<ShapeError>([&] {
          scan(halve, two, V({1, 1, 1, 1, 1}, 1.0));
        }) == "scan: states have at most rank 4; got (1, 1, 1, 1, 1)");
}

TEST_CASE("sequences: a projection that leaves out time steps or rows is refused") {
  struct Half : OwnCell {
    V project(const V& x) const { return slice(x, 0, 0, x.shape()[0] / 2); }
  };
  const Setting<Half> s;
  CHECK(message_of<Error>([&] { s.run({}); }) == "scan: project must keep the 6 time steps; got (3, 5, 2)");
  CHECK(message_of<Error>([&] { s.run({.lengths = ragged}); }) ==
        "scan: project must keep the 13 rows; got (6, 2)");
}
