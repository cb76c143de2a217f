/// \file W9: how time and memory of LSTM 256 grow with length and batch.

#include <fmt/core.h>

#include "unroll/autograd/threads.hpp"
#include "workloads/layer.hpp"
#include "workloads/workload.hpp"

namespace bench {

extern template class Layer<unroll::LstmCell<float>>;  // in layers.cpp
extern template class Layer<unroll::LstmCell<double>>;

namespace {

template <class T>
Workload lstm(std::string name, std::string what, index_t steps, index_t batch,
              const unroll::ScanOptions& options = {}, int threads = 0) {
  return {std::move(name), std::move(what), [=](double seconds) {
            const int before = unroll::num_threads();
            if (threads > 0) unroll::set_num_threads(threads);
            Layer<unroll::LstmCell<T>> step({4, 256, 256, batch, steps}, true, options);
            const Result r = measure("", step, step.units(), "steps/s", step.flops(), seconds,
                                     steps * batch > 10000 ? 3 : 10);
            unroll::set_num_threads(before);
            return r;
          }};
}

}  // namespace

template <class T>
Workloads growth_workloads() {
  Workloads all;
  for (index_t steps : {100, 1000, 10000})
    all.push_back(
        lstm<T>(fmt::format("W9-T{}", steps), fmt::format("LSTM 256, T {}, B 32", steps), steps, 32));
  for (index_t batch : {64, 128, 256, 512})
    all.push_back(
        lstm<T>(fmt::format("W9-B{}", batch), fmt::format("LSTM 256, T 100, B {}", batch), 100, batch));
  for (index_t steps : {100, 1000, 10000}) {
    all.push_back(lstm<T>(fmt::format("W9-root-T{}", steps),
                          fmt::format("LSTM 256, T {}, B 32, recomputed in segments of the root of T", steps),
                          steps, 32, {.segment = unroll::ScanOptions::square_root}));
  }
  all.push_back(lstm<T>("W9-two-threads", "W9-T100 on two threads", 100, 32, {}, 2));
  return all;
}

template Workloads growth_workloads<float>();
template Workloads growth_workloads<double>();

}  // namespace bench
