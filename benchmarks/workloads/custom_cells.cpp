/// \file W8: cells nobody tuned for, of the size of W4.

#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "workloads/layer.hpp"
#include "workloads/workload.hpp"

namespace bench {
namespace {

constexpr index_t H = 256, B = 32, steps = 100;

template <class Cell>
Result layer(double seconds) {
  Layer<Cell> step({4, H, H, B, steps}, true);
  return measure("", step, step.units(), "steps/s", step.flops(), seconds);
}

/// A GRU variant of one lambda: the reset gate before the product, and a rectified candidate.
template <class T>
Result lambda_gru(double seconds) {
  using V = Variable<T>;
  Generator rng(1);
  V w = weight<T>({2 * H, H}, H, rng), u = weight<T>({2 * H, H}, H, rng), b = weight<T>({2 * H}, H, rng),
    w_n = weight<T>({H, H}, H, rng), u_n = weight<T>({H, H}, H, rng), b_n = weight<T>({H}, H, rng),
    x = uniform<T>({steps, B, H}, rng, true);
  const auto cell = [&](const V& x_t, const V& h) -> V {
    auto [r, z] = unroll::chunk<2>(linear(x_t, w, b) + linear(h, u));
    V n = relu(linear(x_t, w_n, b_n) + linear(V(sigmoid(r) * h), u_n));
    return lerp(n, h, sigmoid(z));
  };
  const auto step = [&] {
    for (V* p : {&w, &u, &b, &w_n, &u_n, &b_n, &x}) p->zero_grad();
    sum(scan(cell, x, V({B, H}, T{0})).output).backward();
  };
  return measure("", step, steps * B, "steps/s", layer_flops({3, H, H, B, steps}, true), seconds);
}

}  // namespace

template <class T>
Workloads cell_workloads() {
  return {
      {"W8-norm", "layer-normalised LSTM 256, T 100, B 32, with input gradient",
       layer<unroll::LayerNormLstmCell<T>>},
      {"W8-peephole", "LSTM 256 with peepholes, the same", layer<unroll::LstmPeepholeCell<T>>},
      {"W8-lambda", "a GRU 256 variant by lambda, x_t multiplied in every step, the same", lambda_gru<T>}};
}

template Workloads cell_workloads<float>();
template Workloads cell_workloads<double>();

}  // namespace bench
