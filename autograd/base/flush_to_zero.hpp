#pragma once
/// \file Numbers too small to be normal, which make arithmetic ten to a hundred times slower.

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

namespace unroll {

/// What:   while it lives, this thread's arithmetic takes denormal numbers (below 1.2e-38 in float, 2.2e-308
///         in double) for 0; afterwards all is as before. A gradient that vanishes over many steps is full of
///         them. On processors other than x86 nothing changes.
class FlushToZero {
 public:
  FlushToZero(const FlushToZero&) = delete;
  FlushToZero& operator=(const FlushToZero&) = delete;
#ifdef __SSE2__
  FlushToZero() : before_(_mm_getcsr()) { _mm_setcsr(before_ | denormals_are_zero | flush_to_zero); }
  ~FlushToZero() { _mm_setcsr((_mm_getcsr() & ~both) | (before_ & both)); }

 private:
  static constexpr unsigned denormals_are_zero = 0x0040, flush_to_zero = 0x8000;
  static constexpr unsigned both = denormals_are_zero | flush_to_zero;
  unsigned before_;
#else
  FlushToZero() {}
  ~FlushToZero() {}
#endif
};

}  // namespace unroll
