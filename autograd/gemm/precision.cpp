#include "unroll/autograd/precision.hpp"

#include <atomic>

namespace unroll {
namespace {

constinit std::atomic<Precision> program_precision{Precision::float32};

}  // namespace

thread_local constinit MatmulPrecision::Choice MatmulPrecision::innermost = Choice::of_program;

Precision MatmulPrecision::of_program() { return program_precision.load(std::memory_order_relaxed); }

void set_matmul_precision(Precision precision) {
  program_precision.store(precision, std::memory_order_relaxed);
}

}  // namespace unroll
