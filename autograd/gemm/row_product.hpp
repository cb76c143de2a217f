#pragma once  // internal
/// \file y = W x for one row x: without the set-up of a product of many rows, which costs more than a small product.

#include <memory>
#include <new>
#include <vector>

#include "unroll/autograd/precision.hpp"
#include "unroll/detail/autograd/gemm/product.hpp"

namespace unroll::blas {

/// What:     W (n, k), kept in the order in which it is read, in bfloat16 in half the memory.
/// Lifetime: owns its copy, in memory of no thread. Threads may multiply() at once.
template <class T>
class RowProduct {
 public:
  /// Shapes: w (n, k), its rows ldw apart.
  /// Range:  in double the precision does not count.
  /// Errors: ShapeError for a size below 1, or k above 16,384.
  RowProduct(index_t n, index_t k, const T* w, index_t ldw, Precision precision);
  /// In float32.
  RowProduct(index_t n, index_t k, const T* w, index_t ldw) : RowProduct(n, k, w, ldw, Precision::float32) {}

  /// What:   y = W x, or y = from + W x; `from` may be y. The bits are those of PackedMatrix::multiply, or of
  ///         Bfloat16Matrix::multiply.
  /// Shapes: x (k), from and y (padded(n)); what lies beyond n is undefined.
  void multiply(const T* x, const T* from, T* y) const noexcept {
    for (const Panel& p : panels_) p.run(p, x, from ? from + p.first : nullptr, y + p.first);
  }

  /// n, rounded up to whole SIMD batches.
  static index_t padded(index_t n);

 private:
  /// Outputs from `first` on, as many as the registers hold.
  struct Panel {
    void (*run)(const Panel& p, const T* x, const T* from, T* y) noexcept;
    index_t k, first;
    const T* w;  ///< the weights of one input after another; in bfloat16 of two, in one number
  };
  template <int batches>
  static void run_panel(const Panel& p, const T* x, const T* from, T* y) noexcept;
  template <int batches>
  static void run_panel16(const Panel& p, const T* x, const T* from, T* y) noexcept;
  void pack16(index_t n, index_t k, const T* w, index_t ldw);
  struct Free {
    void operator()(T* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<T, Free> w_;
  std::vector<Panel> panels_;
};

extern template class RowProduct<float>;
extern template class RowProduct<double>;

}  // namespace unroll::blas
