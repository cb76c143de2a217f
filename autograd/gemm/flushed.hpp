#pragma once  // internal
/// \file The arithmetic of products in bfloat16.

#include <cstdint>

#include "unroll/autograd/flush_to_zero.hpp"

namespace unroll::blas {

#ifdef __aarch64__
/// While it lives, this thread's arithmetic takes denormal numbers for 0.
class Flushed {
 public:
  Flushed() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" : : "r"(before_ | std::uint64_t{1} << 24));
  }
  ~Flushed() { asm volatile("msr fpcr, %0" : : "r"(before_)); }
  Flushed(const Flushed&) = delete;
  Flushed& operator=(const Flushed&) = delete;

 private:
  std::uint64_t before_;
};
#else
using Flushed = FlushToZero;
#endif

}  // namespace unroll::blas
