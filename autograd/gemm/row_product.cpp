#include "unroll/detail/autograd/gemm/row_product.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/gemm/inner_sums.hpp"
#include "unroll/detail/autograd/gemm/kernel.hpp"

namespace unroll::blas {
namespace {

// Batches of outputs that are summed at a time: as many as the registers hold.
template <class T>
constexpr int most_batches = kernel::Tile<T>::wide_file ? 12 : 6;

}  // namespace

template <class T>
template <int batches>
void RowProduct<T>::run_panel(const Panel& p, const T* x, const T* from, T* y) noexcept {
  using Batch = typename kernel::Tile<T>::Batch;
  constexpr index_t lanes = kernel::Tile<T>::lanes;
  const index_t parts = kernel::inner_parts<T>(p.k);
  const T* w = p.w;
  index_t i = 0;
  for (index_t part = 1; part <= parts; ++part) {
    Batch sum[batches];
#pragma GCC unroll 16
    for (int v = 0; v < batches; ++v) sum[v] = Batch(T(0));
    for (const index_t end = part * p.k / parts; i < end; ++i, w += batches * lanes) {
      const Batch xi(x[i]);
#pragma GCC unroll 16
      for (int v = 0; v < batches; ++v) kernel::multiply_add(xi, Batch::load_aligned(w + v * lanes), sum[v]);
    }
#pragma GCC unroll 16
    for (int v = 0; v < batches; ++v) {
      if (from) sum[v] += Batch::load_unaligned(from + v * lanes);
      sum[v].store_unaligned(y + v * lanes);
    }
    from = y;
  }
}

template <class T>
index_t RowProduct<T>::padded(index_t n) {
  constexpr index_t lanes = kernel::Tile<T>::lanes;
  return (n + lanes - 1) / lanes * lanes;
}

template <class T>
RowProduct<T>::RowProduct(index_t n, index_t k, const T* w, index_t ldw) {
  if (n < 1 || k < 1 || k > inner_part)
    raise<ShapeError>("RowProduct: need W of 1 row or more and of 1 to {} columns; got ({}, {})", inner_part,
                      n, k);
  static constexpr auto runs = []<int... Batches>(std::integer_sequence<int, Batches...>) {
    return std::array{&RowProduct::run_panel<Batches + 1>...};
  }
  (std::make_integer_sequence<int, most_batches<T>>{});
  constexpr index_t lanes = kernel::Tile<T>::lanes;
  w_.reset(static_cast<T*>(
      ::operator new (static_cast<std::size_t>(padded(n) * k) * sizeof(T), std::align_val_t{64})));
  T* to = w_.get();
  for (index_t first = 0; first < n; first += most_batches<T> * lanes) {
    const index_t cols = std::min(padded(n) - first, most_batches<T> * lanes);
    panels_.push_back({runs[static_cast<std::size_t>(cols / lanes - 1)], k, first, to});
    for (index_t i = 0; i < k; ++i)
      for (index_t j = first; j < first + cols; ++j) *to++ = j < n ? w[j * ldw + i] : T{0};
  }
}

UNROLL_COMPILE_TYPES(class RowProduct)

}  // namespace unroll::blas
