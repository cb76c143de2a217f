#pragma once  // internal
/// \file The two kernels of products in bfloat16: with the processor's instruction, and without. Included by the .cpp
/// files of bfloat16 alone.

#include <cstdint>

#include "unroll/detail/autograd/gemm/product.hpp"

namespace unroll::blas::bfloat16 {

/// y = [y +] x W for one tile; "elements" are Kernel::Element.
template <class Element>
struct Job {
  index_t pairs;     ///< of k
  const Element* x;  ///< element (r, i) is x[r ldx + i] if by_rows, else x[i R + r] for R rows
  index_t ldx;
  bool by_rows;
  const Element* w;      ///< for each element of k one row of Kernel::cols columns
  index_t panel;         ///< from there to the same rows of the next panel
  const Element* ahead;  ///< what to bring into the cache meanwhile
  index_t pace;          ///< bytes of it for each pair
  bool add;
  float* y;
  index_t ldy;
};

/// Two neighbours in k are two elements, floats whose lower half is 0: the second comes first.
struct Emulation {
  using Element = float;
  static constexpr index_t per_pair = 2;
  static const index_t cols, rows, flat_rows, row_panels;
  /// The two rows of a panel that hold rows `even` and `odd` of W; odd is null beyond the last.
  static void combine(const float* even, const float* odd, index_t count, float* to, index_t pitch);
  /// A row of x: k numbers.
  static void convert(const float* from, index_t k, float* to);
  /// `panels` is 1 for up to `rows` rows, 2 for up to flat_rows, or row_panels for one row. With one panel, only the first
  /// `width` columns exist in y.
  static void run(index_t count, index_t panels, index_t width, const Job<float>& job);
};

/// The same in one element of 32 bits, the second in the upper half.
struct Instruction {
  using Element = std::uint32_t;
  static constexpr index_t per_pair = 1;
  static constexpr index_t cols = 32, rows = 13, flat_rows = 6, row_panels = 6;
  static bool is_supported();  ///< by the processor and by this build
  static void combine(const float* even, const float* odd, index_t count, std::uint32_t* to, index_t pitch);
  static void convert(const float* from, index_t k, std::uint32_t* to);
  static void run(index_t count, index_t panels, index_t width, const Job<std::uint32_t>& job);
};

}  // namespace unroll::blas::bfloat16
