#pragma once
/// \file The generator that layers draw their initial parameters from when they are given none.

#include "unroll/autograd/random.hpp"

namespace unroll {

/// This thread's generator, seeded with 0 when the thread begins. So models that two threads make begin alike:
/// call manual_seed with another number in each thread, or give each model a Generator of its own.
Generator& default_generator();

/// Seeds this thread's default generator.
void manual_seed(std::uint64_t seed);

}  // namespace unroll
