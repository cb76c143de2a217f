/// \file W2, W3 and W4: one layer, forward and backward.

#include "unroll/layers/elman.hpp"
#include "unroll/layers/gru.hpp"
#include "workloads/layer.hpp"
#include "workloads/workload.hpp"

namespace bench {
namespace {

template <class Cell>
Workload layer(std::string name, std::string what, LayerSizes sizes, bool input_gradient) {
  return {std::move(name), std::move(what), [=](double seconds) {
            Layer<Cell> step(sizes, input_gradient);
            return measure("", step, step.units(), "steps/s", step.flops(), seconds);
          }};
}

}  // namespace

template <class T>
Workloads layer_workloads() {
  using Lstm = unroll::LstmCell<T>;
  constexpr LayerSizes lstm512{4, 512, 512, 32, 100}, lstm256{4, 256, 256, 32, 100};
  constexpr LayerSizes gru64{3, 64, 64, 1, 100}, elman32{1, 32, 32, 1, 1000};
  return {
      layer<Lstm>("W2", "LSTM 512, T 100, B 32, with input gradient", lstm512, true),
      layer<Lstm>("W2n", "the same without input gradient", lstm512, false),
      layer<unroll::GruCell<T>>("W3", "GRU 64, T 100, B 1, without input gradient", gru64, false),
      layer<unroll::ElmanCell<T>>("W3e", "Elman 32, T 1000, B 1, without input gradient", elman32, false),
      layer<Lstm>("W4", "LSTM 256, T 100, B 32, with input gradient", lstm256, true),
      layer<Lstm>("W4n", "the same without input gradient", lstm256, false),
      layer<StepLstm<T>>("W4s", "W4 by a user's cell that multiplies x_t in every step", lstm256, true),
      layer<ProjectedLstm<T>>("W4p", "W4 by a user's cell that multiplies all x_t before", lstm256, true)};
}

template class Layer<unroll::LstmCell<float>>;
template class Layer<unroll::LstmCell<double>>;

template Workloads layer_workloads<float>();
template Workloads layer_workloads<double>();

}  // namespace bench
