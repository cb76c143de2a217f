#pragma once
/// \file Shuffling that is the same on every machine; std::shuffle depends on the standard library.

#include <utility>
#include <vector>

#include "unroll/autograd/random.hpp"

namespace unroll {

/// Every order is equally likely.
/// Source: Fisher and Yates, in Durstenfeld's form (1964).
template <class T>
void shuffle(std::vector<T>& values, Generator& rng) {
  for (std::size_t n = values.size(); n > 1; --n) std::swap(values[n - 1], values[rng.below(n)]);
}

}  // namespace unroll
