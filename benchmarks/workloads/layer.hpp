#pragma once
/// \file One recurrent layer of any cell, forward and backward (W2, W3, W4, W8, W9), and cells for it.

#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/layers/scan.hpp"
#include "workloads/inputs.hpp"

namespace bench {

/// The sum of all hidden states over random inputs of the hidden size, and its gradients.
template <class Cell>
class Layer {
 public:
  using T = typename Cell::value_type;

  Layer(const LayerSizes& sizes, bool input_gradient, const unroll::ScanOptions& options = {})
      : sizes_(sizes), input_gradient_(input_gradient), options_(options) {}

  void operator()() {
    unroll::zero_grad(cell_);
    x_.zero_grad();
    sum(scan(cell_, x_, cell_.initial_state(sizes_.batch), options_).output).backward();
  }

  double flops() const { return layer_flops(sizes_, input_gradient_); }
  double units() const { return static_cast<double>(sizes_.steps * sizes_.batch); }

 private:
  LayerSizes sizes_;
  bool input_gradient_;
  unroll::ScanOptions options_;
  Generator rng_{1};
  Cell cell_{sizes_.input, sizes_.hidden, true, rng_};
  Variable<T> x_ = uniform<T>({sizes_.steps, sizes_.batch, sizes_.input}, rng_, input_gradient_);
};

/// A parameter as recurrent cells draw theirs.
template <class T>
Variable<T> weight(const Shape& shape, index_t hidden, Generator& rng) {
  auto w = Variable<T>::uninitialised(shape);
  return unroll::init::fan_uniform(w, hidden, rng).requires_grad(true);
}

/// An LSTM as a user may write it, all in `step`: x_t W in each time step, one bias.
template <class T>
struct StepLstm {
  using value_type = T;
  using State = unroll::LstmState<T>;
  Variable<T> w, u, b;

  StepLstm(index_t input, index_t hidden, bool, Generator& rng)
      : w(weight<T>({4 * hidden, input}, hidden, rng)),
        u(weight<T>({4 * hidden, hidden}, hidden, rng)),
        b(weight<T>({4 * hidden}, hidden, rng)) {}

  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, u.shape()[1]}, T{0});
    return {zeros, zeros};
  }
  State step(const Variable<T>& x, const State& s) const {
    Variable gates = linear(x, w, b) + linear(s.h, u);
    auto [i, f, g, o] = unroll::chunk<4>(gates);
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = sigmoid(o) * tanh(c);
    return {h, c};
  }
  void visit(auto&& v) { v("w", w), v("u", u), v("b", b); }
};

/// The same with the products of all x_t W taken out of the loop.
template <class T>
struct ProjectedLstm : StepLstm<T> {
  using StepLstm<T>::StepLstm;
  using State = unroll::LstmState<T>;

  Variable<T> project(const Variable<T>& xs) const { return linear(xs, this->w, this->b); }
  State step(const Variable<T>& x, const State& s) const {
    Variable gates = x + linear(s.h, this->u);
    auto [i, f, g, o] = unroll::chunk<4>(gates);
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = sigmoid(o) * tanh(c);
    return {h, c};
  }
};

}  // namespace bench
