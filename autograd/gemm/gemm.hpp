#pragma once  // internal
/// \file Matrix products on raw row-major memory. No array type stands here: layers above check shapes.

#include <memory>

#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/gemm/product.hpp"

namespace unroll::blas {

inline constexpr index_t same_bits_rows = 64;

/// What:   C = alpha op(A) op(B) + beta C, row-major; the library's one raw entry for products.
/// Shapes: op(A) (m, k), op(B) (k, n), C (m, n); lda, ldb and ldc are the distances between stored rows.
/// Range:  beta = 0 never reads C; k = 0 gives beta C; m = 0 or n = 0 does nothing. C overlaps no operand.
/// Cost:   up to num_threads() threads, one below 2.5e5 multiply-adds. The result's bits depend on sizes,
///         leading dimensions and thread count only, not on addresses or earlier calls.
/// Errors: ShapeError for a negative size, a leading dimension shorter than its row (or than 1), or, where
///         CBLAS does the product, anything of 2^31 or more.
///         From same_bits_rows rows on, a row's bits do not depend on their number, if A is not transposed.
template <class T>
void gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b,
          index_t ldb, T beta, T* c, index_t ldc);

/// What:     op(W) (k, n), kept in the order in which the product kernel reads it, for many products with few
///           rows each: recurrent weights, packed once per parameter version.
/// Lifetime: owns its copy; W may change or go after pack(). Movable. Threads may multiply() at once.
template <class T>
class PackedMatrix {
 public:
  PackedMatrix();
  ~PackedMatrix();
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;

  /// What:   replaces the content by op(W); the buffer is kept where it is large enough.
  /// Shapes: op(W) (k, n), stored with rows ldw apart.
  /// Errors: ShapeError for a negative size or a leading dimension shorter than its row.
  void pack(Trans tw, index_t k, index_t n, const T* w, index_t ldw);

  /// What:   y = x op(W) + beta y.
  /// Shapes: x (m, k), y (m, n), rows ldx and ldy apart.
  /// Range:  beta is 0 (y is not read) or 1.
  /// Cost:   one thread. A row's bits depend neither on m nor on other rows: threads may share rows out.
  /// Errors: UsageError before pack() or for another beta; ShapeError as above.
  void multiply(index_t m, const T* x, index_t ldx, T beta, T* y, index_t ldy) const;

  /// The same of one row, without checks, for loops over small steps: y = x op(W), or with `add` y += x op(W).
  void multiply_row(const T* x, bool add, T* y) const;

  bool empty() const;         // before the first pack()
  index_t rows() const;       // k
  index_t cols() const;       // n
  std::size_t bytes() const;  // of the buffer

 private:
  struct Panels;
  std::unique_ptr<Panels> panels_;
};

extern template class PackedMatrix<float>;
extern template class PackedMatrix<double>;

}  // namespace unroll::blas
