#pragma once  // internal
/// \file What describes a matrix product.

#include "unroll/autograd/products.hpp"

namespace unroll::blas {

/// Whether an operand is used as stored or transposed.
enum class Trans : char { no = 'N', yes = 'T' };

}  // namespace unroll::blas
