#include "unroll/layers/slstm.hpp"

#include "cell_checks.hpp"
#include "golden_slstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

SlstmCell<double> slstm_cell(bool bias = true, index_t heads = 2) {
  SlstmCell<double> cell(3, 4, heads, bias);
  scatter(cell, 1);
  return cell;
}
// Not zero, and with n > 0, as it is after a step.
SlstmState<double> slstm_start(std::uint64_t seed) {
  const auto some = [&](double low, double high) { return random_parameter({2, 4}, seed++, low, high); };
  return {some(-0.8, 0.8), some(-0.8, 0.8), some(0.4, 1.2), some(-0.8, 0.8)};
}

// The equations on plain numbers.
auto plain_slstm(const SlstmCell<double>& cell) {
  return [&cell](const Vec& x, std::vector<Vec>& s) {
    const index_t H = 4, heads = cell.heads(), size = H / heads;
    Vec a = affine(cell.weight_ih, x, cell.bias);
    for (index_t r = 0; r < 4 * H; ++r)
      for (index_t k = 0; k < size; ++k)  // block r / size, of head (r / size) mod heads
        a[static_cast<std::size_t>(r)] +=
            cell.weight_hh.data()[r * size + k] * s[0][static_cast<std::size_t>(r / size % heads * size + k)];
    for (std::size_t j = 0; j < 4; ++j) {
      const double i = a[j], f = a[4 + j], z = a[8 + j], o = a[12 + j];
      const double l = s[3][j] + std::log(sigma(f)), m = s[2][j] == 0 ? i : std::max(i, l);
      const double keep = s[2][j] == 0 ? 0 : std::exp(l - m), add = std::exp(i - m);
      s[1][j] = keep * s[1][j] + add * std::tanh(z);
      s[2][j] = keep * s[2][j] + add;
      s[3][j] = m;
      s[0][j] = sigma(o) * s[1][j] / s[2][j];
    }
  };
}

SlstmCell<double> golden_cell(const Named& in) {
  SlstmCell<double> cell;
  cell.weight_ih = in.at("weight_ih"), cell.weight_hh = in.at("weight_hh"), cell.bias = in.at("bias");
  return cell;
}

}  // namespace

TEST_CASE("slstm: outputs, states and gradients equal the golden ones") {
  for (const auto& [name, golden] : golden_slstm) {
    CAPTURE(name);
    // The golden code asks of the whole batch whether n = 0: a row that begins later is to it one with hardly anything in n.
    const double hardly = name == "one_row_fresh" ? 1e-300 : 0;
    equals_golden(golden, [&](const Named& in) -> Named {
      const SlstmCell<double> cell = golden_cell(in);
      const V x = in.at("x");
      auto state = cell.initial_state(x.shape()[1]);
      if (in.contains("h0")) state = {in.at("h0"), in.at("c0"), in.at("n0") + hardly, in.at("m0")};
      const auto [y, last] = scan(cell, x, state);
      return {{"y", y}, {"h", last.h}, {"c", last.c}, {"n", last.n}, {"m", last.m}};
    });
  }
}

TEST_CASE("slstm: two steps equal the hand computation, from a state and from zeros") {
  for (const index_t heads : {1, 2, 4}) {
    const auto cell = slstm_cell(heads != 4, heads);
    equals_plain(cell, plain_slstm(cell), slstm_start(1));
    equals_plain(cell, plain_slstm(cell), cell.initial_state(2));
  }
}

TEST_CASE("slstm: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(slstm_cell(), slstm_start(2));
  gradients_pass(slstm_cell(false, 1), slstm_start(3));
}

TEST_CASE("slstm: second-order gradients pass the check") {
  second_order_passes(slstm_cell(), slstm_start(4));
}

TEST_CASE("slstm: a layer of it names what does not fit") {
  errors_are_named(Slstm<double>(3, 4));
  errors_are_named(Slstm<double>(3, 4, 2));
  CHECK(message_of<ShapeError>([] { Slstm<double>(3, 4, 3); }) ==
        "slstm: need heads that divide the 4 hidden units; got 3");
  CHECK(message_of<ShapeError>([] { Slstm<double>(3, 4, 0); }) == "cell: need heads from 1 to 2^40; got 0");
}

TEST_CASE("slstm: gates beyond the range of exp neither overflow nor give NaN, and m alone does not matter") {
  SlstmCell<float> cell(1, 2, 1);
  for (auto& p : parameters(cell)) p.variable.update([](auto& w) { w *= 400.F; });
  const Variable<float> x = random_parameter<float>({20, 3, 1}, 1, -2, 2);
  const auto [y, last] = scan(cell, x);
  sum(y).backward();
  for (const double v : list(y)) CHECK(std::abs(v) <= 1 + 1e-6);  // weighted means of tanh
  for (const Variable<float>& v : {x, cell.weight_ih, cell.weight_hh})
    for (const double d : gradient_list(v)) CHECK(std::isfinite(d));
  // c and n times e^s at m − s are the same state.
  const auto plain = slstm_cell();
  const V input = random_parameter({3, 2, 3}, 5);
  const auto start = slstm_start(6);
  const SlstmState<double> shifted{start.h, start.c * std::exp(0.7), start.n * std::exp(0.7), start.m - 0.7};
  // The factor e^0.7 is taken out again by exp and division.
  CHECK(distance(list(scan(plain, input, shifted).output), list(scan(plain, input, start).output)) < 1e-13);
}

TEST_CASE("slstm: a sequence that begins within a batch is as if it were alone") {
  const auto cell = slstm_cell();
  const V x = random_parameter({5, 2, 3}, 7);
  const Indices resets(Shape{5, 2}, {0, 0, 0, 0, 0, 1, 0, 0, 0, 0});
  const auto together = scan(cell, x, slstm_start(8), {.resets = resets});
  const auto alone = scan(cell, slice(slice(x, 0, 2), 1, 1));
  for (const auto& [a, b] : {std::pair{together.state.m, alone.state.m},
                             {together.state.n, alone.state.n},
                             {together.state.c, alone.state.c},
                             {together.state.h, alone.state.h}})
    CHECK(distance(list(select(a, 0, 1)), list(select(b, 0, 0))) < 1e-14);
}
