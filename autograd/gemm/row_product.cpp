#include "unroll/detail/autograd/gemm/row_product.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/gemm/bfloat16_rounding.hpp"
#include "unroll/detail/autograd/gemm/flushed.hpp"
#include "unroll/detail/autograd/gemm/inner_sums.hpp"
#include "unroll/detail/autograd/gemm/kernel.hpp"

namespace unroll::blas {
namespace {

// Batches of outputs that are summed at a time: as many as the registers hold.
template <class T>
constexpr int most_batches = kernel::Tile<T>::wide_file ? 12 : 6;

// x y + z, rounded once: of products of two bfloat16, see bfloat16_emulation.cpp.
xsimd::batch<float> add_product16(const xsimd::batch<float>& x, const xsimd::batch<float>& y,
                                  const xsimd::batch<float>& z) {
#if defined(__FMA__) || defined(__AVX512F__) || defined(__aarch64__)
  xsimd::batch<float> sum = z;
  kernel::multiply_add(x, y, sum);
  return sum;
#else
  constexpr index_t lanes = kernel::Tile<float>::lanes;
  alignas(64) float a[lanes], b[lanes], c[lanes];
  x.store_aligned(a), y.store_aligned(b), z.store_aligned(c);
  for (index_t j = 0; j < lanes; ++j) c[j] = static_cast<float>(double{a[j]} * double{b[j]} + double{c[j]});
  return xsimd::batch<float>::load_aligned(c);
#endif
}

}  // namespace

// The sums of bfloat16.hpp, whose pairs of weights are opened in registers: reading them takes longer.
template <class T>
template <int batches>
void RowProduct<T>::run_panel16(const Panel& p, const T* x, const T* from, T* y) noexcept {
  if constexpr (sizeof(T) == 4) {
    using Batch = xsimd::batch<float>;
    using Bits = xsimd::batch<std::uint32_t>;
    constexpr index_t lanes = kernel::Tile<float>::lanes, most = 128;  // pairs of a chain
    const Flushed flushed;
    const index_t pairs = (p.k + 1) / 2, parts = (pairs + most - 1) / most;
    const auto* w = reinterpret_cast<const std::uint32_t*>(p.w);
    index_t i = 0;
    for (index_t part = 1; part <= parts; ++part) {
      Batch sum[batches];
#pragma GCC unroll 16
      for (int v = 0; v < batches; ++v) sum[v] = Batch(0.0f);
      for (const index_t end = part * pairs / parts; i < end; ++i, w += batches * lanes) {
        const Batch even(bfloat16_of(x[2 * i])), odd(2 * i + 1 < p.k ? bfloat16_of(x[2 * i + 1]) : 0.0f);
#pragma GCC unroll 16
        for (int v = 0; v < batches; ++v) {
          const Bits both = Bits::load_aligned(w + v * lanes);
          const Batch second = xsimd::bitwise_cast<Batch>(both & Bits(0xffff0000u)),
                      first = xsimd::bitwise_cast<Batch>(both << 16);
          sum[v] = add_product16(even, first, add_product16(odd, second, sum[v]));
        }
      }
#pragma GCC unroll 16
      for (int v = 0; v < batches; ++v) {
        if (from) sum[v] += Batch::load_unaligned(from + v * lanes);
        sum[v].store_unaligned(y + v * lanes);
      }
      from = y;
    }
  }
}

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
void RowProduct<T>::pack16(index_t n, index_t k, const T* w, index_t ldw) {
  static constexpr auto runs = []<int... Batches>(std::integer_sequence<int, Batches...>) {
    return std::array{&RowProduct::run_panel16<Batches + 1>...};
  }
  (std::make_integer_sequence<int, most_batches<T>>{});
  constexpr index_t lanes = kernel::Tile<T>::lanes;
  w_.reset(static_cast<T*>(::operator new (static_cast<std::size_t>(padded(n) * ((k + 1) / 2)) * sizeof(T),
                                           std::align_val_t{64})));
  const auto bits = [&](index_t row, index_t i) {
    return row < n && i < k
               ? bfloat16_bits(std::bit_cast<std::uint32_t>(static_cast<float>(w[row * ldw + i])))
               : 0u;
  };
  T* to = w_.get();
  for (index_t first = 0; first < n; first += most_batches<T> * lanes) {
    const index_t cols = std::min(padded(n) - first, most_batches<T> * lanes);
    panels_.push_back({runs[static_cast<std::size_t>(cols / lanes - 1)], k, first, to});
    for (index_t i = 0; i < k; i += 2) {
      for (index_t j = first; j < first + cols; ++j, ++to) {
        const std::uint32_t both = bits(j, i + 1) | bits(j, i) >> 16;
        std::memcpy(to, &both, sizeof both);
      }
    }
  }
}

template <class T>
RowProduct<T>::RowProduct(index_t n, index_t k, const T* w, index_t ldw, Precision precision) {
  if (n < 1 || k < 1 || k > inner_part)
    raise<ShapeError>("RowProduct: need W of 1 row or more and of 1 to {} columns; got ({}, {})", inner_part,
                      n, k);
  if (sizeof(T) == 4 && precision == Precision::bfloat16) {
    pack16(n, k, w, ldw);
    return;
  }
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
