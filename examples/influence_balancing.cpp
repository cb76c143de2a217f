// Influence balancing (Tallec and Ollivier 2018): a parameter acts on a number first one way and, much later
// and more strongly, the other way. s' = A s + θ v, with A = ½ on the diagonal and the superdiagonal, v = +1
// for the first 10 of 23 and −1 for the others; loss ½ (s'[0] − 1)², an update after every step, the state
// never reset. The fixed point is θ = −1/6. RTRL reaches it; truncated BPTT must look back far enough to see
// the sign.

#include <fmt/core.h>

#include <unroll/autograd/functions.hpp>
#include <unroll/autograd/reduce.hpp>
#include <unroll/layers/rtrl.hpp>
#include <unroll/layers/truncated_bptt.hpp>
#include "common/command_line.hpp"

using namespace unroll;
using V = Variable<double>;

struct Balance {
  using value_type = double;
  static constexpr index_t n = 23, positive = 10;
  V theta = V({1}, 0.5).requires_grad(true);
  V a{{n, n}, 0.0}, v{{n}, -1.0};

  Balance() {
    a.update([](auto& w) {
      for (std::size_t i = 0; i < n; ++i) w(i, i) = 0.5;
      for (std::size_t i = 0; i + 1 < n; ++i) w(i, i + 1) = 0.5;
    });
    v.update([](auto& w) { std::fill_n(w.begin(), positive, 1.0); });
  }
  V step(const V&, const V& s) const { return linear(s, a) + theta * v; }
  template <class F>
  void visit(F&& f) {
    f("theta", theta);
  }
};

V loss_of(const V& s) { return 0.5 * sum(square(slice(s, 1, 0, 1) - 1.0)); }

void descend(V& theta, double rate) {
  theta.update([&](auto& value) { value -= rate * theta.grad(); });
  theta.zero_grad();
}

double learn_by_rtrl(int updates, double rate) {
  Balance cell;
  Rtrl rtrl(cell, V({1, Balance::n}, 1.0));
  for (int t = 0; t < updates; ++t) {
    rtrl.backward(loss_of(rtrl.step(V())));
    descend(cell.theta, rate);
  }
  return cell.theta.item();
}

double learn_by_truncated_bptt(index_t steps_back, int updates, double rate) {
  Balance cell;
  TruncatedBptt bptt(cell, V({1, Balance::n}, 1.0), {.k1 = 1, .k2 = steps_back});
  for (int t = 0; t < updates; ++t) {
    bptt.learn(loss_of(bptt.step(V())));
    descend(cell.theta, rate);
  }
  return cell.theta.item();
}

int main(int argc, char** argv) {
  int updates = 3000;
  double rate = 1e-4;
  program::CommandLine line("Influence balancing by RTRL and by truncated BPTT");
  line.add("updates", updates, "updates, one after each step");
  line.add("rate", rate, "learning rate");
  if (const auto status = line.read(argc, argv)) return *status;

  fmt::print("{} updates at {}; the solution is θ = −1/6 = {:.6f}\n", updates, rate, -1.0 / 6);
  fmt::print("RTRL                    θ = {:.6f}\n", learn_by_rtrl(updates, rate));
  for (index_t back : {1, 10, 100})
    fmt::print("truncated BPTT(1, {:3})  θ = {:.6f}\n", back, learn_by_truncated_bptt(back, updates, rate));
}
