#pragma once  // internal
/// \file Products whose inner sums have very many terms (see long_sums.hpp).

#include "unroll/detail/autograd/base/pool.hpp"
#include "unroll/detail/autograd/gemm/product.hpp"

namespace unroll::blas {

/// A product adds up so many terms by itself; the sums of such parts are added in double.
inline constexpr index_t inner_part = 16384;

/// What: C (m, n) [+]= Σ over the k terms, where part(first, last, add, to, ldto) does the same for a part of them.
template <class T, class Part>
void sum_inner(index_t m, index_t n, index_t k, bool add, T* c, index_t ldc, Part&& part) {
  if (k <= inner_part) return part(0, k, add, c, ldc);
  const auto size = static_cast<std::size_t>(m * n);
  detail::PoolVector<T> some(size);
  detail::PoolVector<double> sums(size, 0.0);
  for (index_t first = 0; first < k; first += inner_part) {
    part(first, first + inner_part < k ? first + inner_part : k, false, some.data(), n);
    for (std::size_t i = 0; i < size; ++i) sums[i] += some[i];
  }
  for (index_t r = 0; r < m; ++r) {
    T* const to = c + r * ldc;
    const double* const from = sums.data() + r * n;
    for (index_t j = 0; j < n; ++j) to[j] = static_cast<T>(add ? to[j] + from[j] : from[j]);
  }
}

}  // namespace unroll::blas
