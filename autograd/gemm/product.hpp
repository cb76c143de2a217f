#pragma once  // internal
/// \file What describes a matrix product.

#include <compare>
#include <cstddef>

namespace unroll::blas {

using index_t = std::ptrdiff_t;

/// Whether an operand is used as stored or transposed.
enum class Trans : char { no = 'N', yes = 'T' };

/// One product C (m, n) = op(A) (m, k) op(B) (k, n), or the same added to C.
struct Product {
  index_t m = 0, n = 0, k = 0;
  bool packed = false;  ///< by PackedMatrix, else by gemm()
  bool adds = false;
  auto operator<=>(const Product&) const = default;
};

}  // namespace unroll::blas
