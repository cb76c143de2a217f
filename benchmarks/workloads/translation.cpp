/// \file W5: encoder and decoder with attention.

#include "workloads/translation.hpp"

#include "workloads/workload.hpp"

namespace bench {

template <class T>
Workloads translation_workloads() {
  const auto run = [](double seconds) {
    Translation<T> step({});
    return measure("", step, step.units(), "target tokens/s", step.flops(), seconds);
  };
  return {{"W5", "encoder and decoder GRU 256 with additive attention, V 4000, 20 to 20 words, B 32", run}};
}

template Workloads translation_workloads<float>();
template Workloads translation_workloads<double>();

}  // namespace bench
