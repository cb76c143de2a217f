/// \file W7: what a node costs when there is next to nothing to compute.

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "workloads/inputs.hpp"
#include "workloads/workload.hpp"

namespace bench {
namespace {

/// A chain of fused nodes over 8 elements, recorded and run back.
template <class T>
Workload chain(std::string name, index_t length) {
  return {std::move(name), "a chain of fused nodes on 8 elements, recorded and run back",
          [=](double seconds) {
            Generator rng(1);
            auto x = uniform<T>({8}, rng, true);
            const auto step = [&] {
              x.zero_grad();
              Variable<T> y = x;
              for (index_t i = 0; i < length; ++i) y = T{0.5} * y + x;
              sum(y).backward();
            };
            return measure("", step, static_cast<double>(length), "nodes/s", 0, seconds, 3);
          }};
}

}  // namespace

template <class T>
Workloads node_workloads() {
  return {chain<T>("W7-1k", 1000), chain<T>("W7-1M", 1000000)};
}

template Workloads node_workloads<float>();
template Workloads node_workloads<double>();

}  // namespace bench
