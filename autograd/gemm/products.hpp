#pragma once
/// \file The matrix products that a program does: their number, sizes and order.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace unroll::blas {

/// Sizes and places in arrays.
using index_t = std::ptrdiff_t;

struct Product;
namespace backend {
/// How the engine notes a product.
void count_product(const Product& product);
}  // namespace backend

/// Products done by this thread since it began, empty ones not counted; 2 m n k operations each.
struct Counters {
  std::uint64_t calls = 0;     ///< products
  std::uint64_t flops = 0;     ///< operations
  std::uint64_t packings = 0;  ///< calls of PackedMatrix::pack
};
/// Those of the calling thread.
Counters& counters();

/// One product C (m, n) = op(A) (m, k) op(B) (k, n), or the same added to C.
struct Product {
  index_t m = 0;        ///< rows of C
  index_t n = 0;        ///< columns of C
  index_t k = 0;        ///< what is summed over
  bool packed = false;  ///< by PackedMatrix, else by gemm()
  bool adds = false;    ///< to C
  /// By the sizes, then the rest.
  auto operator<=>(const Product&) const = default;
};

/// While it lives, notes the products of this thread in order; shows where the time of a cell of one's own
/// goes. Logs nest: the outer one sees the products of the inner one as well.
class ProductLog {
 public:
  /// Begins to note.
  ProductLog() : outer_(innermost) { innermost = this; }
  ~ProductLog() { innermost = outer_; }
  ProductLog(const ProductLog&) = delete;
  ProductLog& operator=(const ProductLog&) = delete;
  /// Those so far.
  const std::vector<Product>& products() const { return products_; }

 private:
  friend void backend::count_product(const Product&);
  std::vector<Product> products_;
  ProductLog* outer_;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit ProductLog* innermost;
};

}  // namespace unroll::blas
