#pragma once  // internal
/// \file Products of float32 matrices whose operands are rounded to bfloat16.
///
/// Each element of the result is [C +] a sum of chains, one after another. A chain has up to 256 terms, two by two, as
/// the instruction vdpbf16ps adds them: of two neighbours in k first the second, then the first, each by one multiply-add
/// rounded to nearest; whatever is denormal is 0. An odd k has one more term, 0 times 0. The chains follow from k alone.

#include <memory>

#include "unroll/detail/autograd/gemm/product.hpp"

namespace unroll::blas {

/// What:   C = op(A) op(B), or the same added to C, row-major, in bfloat16.
/// Shapes: as gemm().
/// Cost:   as gemm(); the bits depend on the sizes alone, and those of a row not on the others.
/// Errors: as gemm().
void bfloat16_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, const float* a, index_t lda,
                   const float* b, index_t ldb, bool add, float* c, index_t ldc);

/// What:     op(W) (k, n) in bfloat16, kept in the order in which the kernel reads it, as PackedMatrix.
/// Lifetime: owns its copy. Movable. Threads may multiply() at once.
class Bfloat16Matrix {
 public:
  Bfloat16Matrix();
  ~Bfloat16Matrix();
  Bfloat16Matrix(Bfloat16Matrix&&) noexcept;
  Bfloat16Matrix& operator=(Bfloat16Matrix&&) noexcept;

  /// What:   replaces the content by op(W).
  /// Shapes: op(W) (k, n), stored with rows ldw apart.
  /// Errors: ShapeError for a negative size or a leading dimension shorter than its row.
  void pack(Trans tw, index_t k, index_t n, const float* w, index_t ldw);

  /// What:   y = x op(W), or with `add` y += x op(W).
  /// Shapes: x (m, k), y (m, n), rows ldx and ldy apart.
  /// Cost:   up to num_threads() threads from 128 rows on. The bits are those of bfloat16_gemm.
  /// Errors: UsageError before pack(); ShapeError as above.
  void multiply(index_t m, const float* x, index_t ldx, bool add, float* y, index_t ldy) const;

  bool empty() const { return !panels_; }  ///< before the first pack()
  std::size_t bytes() const;               ///< of the packed copy

  struct Panels;  ///< bfloat16.cpp

 private:
  std::unique_ptr<Panels> panels_;
};

}  // namespace unroll::blas
