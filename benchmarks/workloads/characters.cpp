/// \file W1 and W6: the character model, trained and writing.

#include "workloads/character_model.hpp"
#include "workloads/workload.hpp"

namespace bench {

template <class T>
Workloads character_workloads() {
  const auto train = [](double seconds) {
    CharacterTraining<T> step({});
    return measure("", step, 50 * 50, "characters/s", step.flops(), seconds);
  };
  const auto write = [](double seconds) {
    CharacterSampling<T> step({});
    return measure("", step, 1000, "characters/s", step.flops(), seconds, 3);
  };
  return {{"W1", "character model, 2 x LSTM 128, T 50, B 50, V 65: forward, backward, clipping, Adam", train},
          {"W6", "1,000 characters drawn one by one, LSTM 512, V 65", write}};
}

template Workloads character_workloads<float>();
template Workloads character_workloads<double>();

}  // namespace bench
