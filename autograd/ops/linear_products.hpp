#pragma once  // internal
/// \file The products behind linear(), forward and backward, on raw memory.

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"
#include "unroll/detail/autograd/gemm/precise_gemm.hpp"
#include "unroll/detail/autograd/ops/part_of_product.hpp"

namespace unroll::detail {

using blas::Trans;

// From this many rows on a product reads the weights as they are stored.
constexpr index_t packed_rows = 128;

/// How a product is done. The ways differ in the last bits, so that a part of a larger product
/// (PartOfProduct) goes the way of the whole. Products in bfloat16 are packed, whatever their number of rows: they have
/// one kernel, which gives a row the same bits.
enum class Way : char { packed, plain, plain_part, bfloat16 };

/// The packed way in a precision that was kept.
constexpr Way packed_in(Precision precision) {
  return precision == Precision::bfloat16 ? Way::bfloat16 : Way::packed;
}
/// In which a product that goes this way rounds its operands, and so do those of its gradients.
constexpr Precision precision_of(Way way) {
  return way == Way::bfloat16 ? Precision::bfloat16 : Precision::float32;
}

/// Packed products give a row the same bits whatever the number of rows. In double they are the faster ones,
/// too, but have one thread.
template <class T>
Way way_of(index_t rows) {
  if (sizeof(T) == 4 && MatmulPrecision::current() == Precision::bfloat16) return Way::bfloat16;
  if (sizeof(T) == 8 && num_threads() == 1) return Way::packed;
  const auto& [part, whole] = PartOfProduct::current;
  const bool few = static_cast<double>(rows) * static_cast<double>(whole) <=
                   static_cast<double>(packed_rows) * static_cast<double>(part);
  return few ? Way::packed : part < whole ? Way::plain_part : Way::plain;
}

/// The same in a precision that was kept.
template <class T>
Way way_in(Precision precision, index_t rows) {
  const MatmulPrecision scope(precision);
  return way_of<T>(rows);
}

/// Both orientations of a weight, packed for products with few rows, and whether it is finite. Of a weight by heads,
/// those of its blocks; of a convolution's, those of its taps.
template <class T>
struct PackedWeight {
  blas::PackedMatrix<T> forward, backward;
  blas::Bfloat16Matrix forward16, backward16;
  std::optional<bool> finite;
  std::vector<PackedWeight> blocks, taps;
};

template <class T>
PackedWeight<T>& packed(Tensor<T>& w) {
  TensorExtras<T>& extra = w.extra();
  if (!extra.derived) extra.derived = std::make_shared<PackedWeight<T>>();
  auto& packs = *static_cast<PackedWeight<T>*>(extra.derived.get());
  if (extra.derived_version != w.version()) {
    packs = {};
    extra.derived_version = w.version();
  }
  return packs;
}

/// x as a matrix: rows of the last extent, `stride` apart.
template <class T>
struct MatrixLayout {
  index_t count, cols, stride;
  explicit MatrixLayout(const Tensor<T>& x)
      : count(x.shape.size() == 0 ? x.shape.product(0, x.shape.rank() - 1)
                                  : x.shape.size() / x.shape.back(0)),
        cols(x.shape.back(0)),
        stride(x.dense() ? cols : x.pitch) {}
  MatrixLayout(index_t rows, index_t columns, index_t apart) : count(rows), cols(columns), stride(apart) {}
};

// C = A op(W) + beta C. gemm may give a row other bits where there are few: a part of a larger product has as
// many as it takes, though the rest is of no use.
template <class T>
void plain_product(Trans tw, index_t rows, index_t cols, index_t inner, const T* a, index_t lda, const T* w,
                   index_t ldw, T beta, T* c, index_t ldc, Way way) {
  constexpr index_t enough = blas::same_bits_rows;
  if (rows >= enough || way == Way::plain) {
    return blas::gemm<T>(Trans::no, tw, rows, cols, inner, T{1}, a, lda, w, ldw, beta, c, ldc);
  }
  PoolVector<T> in(static_cast<std::size_t>(enough * inner), T{0}),
      out(static_cast<std::size_t>(enough * cols), T{0});
  for (index_t r = 0; r < rows; ++r) {
    std::copy_n(a + r * lda, inner, in.data() + r * inner);
    std::copy_n(c + r * ldc, beta == T{0} ? 0 : cols, out.data() + r * cols);
  }
  blas::gemm<T>(Trans::no, tw, enough, cols, inner, T{1}, in.data(), inner, w, ldw, beta, out.data(), cols);
  for (index_t r = 0; r < rows; ++r) std::copy_n(out.data() + r * cols, cols, c + r * ldc);
}

/// Whether products that go this way read the weight's packed copies.
constexpr bool is_packed(Way way) { return way == Way::packed || way == Way::bfloat16; }

/// The rows of x and of y, and the sizes of a packed product.
template <class T>
struct PackedProduct {
  index_t rows;
  const T* x;
  index_t ldx;
  T beta;
  T* y;
  index_t ldy;
};

/// y = x op(W) + beta y by the copy of W that `way` reads, which is made of weights() where it is missing: op(W) (k, n).
template <class T, class Weights>
void packed_product(PackedWeight<T>& packs, bool backward, Way way, Trans tw, index_t k, index_t n,
                    Weights&& weights, index_t ldw, const PackedProduct<T>& p) {
  if constexpr (sizeof(T) == 4) {
    if (way == Way::bfloat16) {
      auto& pack = backward ? packs.backward16 : packs.forward16;
      if (pack.empty()) pack.pack(tw, k, n, weights(), ldw);
      return pack.multiply(p.rows, p.x, p.ldx, p.beta != T{0}, p.y, p.ldy);
    }
  }
  auto& pack = backward ? packs.backward : packs.forward;
  if (pack.empty()) pack.pack(tw, k, n, weights(), ldw);
  if (p.rows == 1 && p.ldy == n) return pack.multiply_row(p.x, p.beta != T{0}, p.y);
  pack.multiply(p.rows, p.x, p.ldx, p.beta, p.y, p.ldy);
}

/// Part k of `count` parts.
template <class T>
PackedWeight<T>& part_of(std::vector<PackedWeight<T>>& parts, index_t count, index_t k) {
  if (parts.empty()) parts = std::vector<PackedWeight<T>>(static_cast<std::size_t>(count));
  return parts[static_cast<std::size_t>(k)];
}

// The same by heads: each block of a row of y from its head of the row of x.
template <class T>
void product_by_heads(const T* x, const MatrixLayout<T>& rows, Tensor<T>& w, T beta, T* y, Way way) {
  const WeightBlocks blocks(w.shape);
  const index_t n = blocks.outputs, k = blocks.inputs, ldy = blocks.row_outputs();
  for (index_t b = 0; b < blocks.count; ++b) {
    const T *from = x + blocks.input_at(b), *weights = w.data + blocks.weight_at(b);
    T* const to = y + blocks.output_at(b);
    if (!is_packed(way)) {
      plain_product<T>(Trans::yes, rows.count, n, k, from, rows.stride, weights, k, beta, to, ldy, way);
      continue;
    }
    packed_product<T>(part_of(packed(w).blocks, blocks.count, b), false, way, Trans::yes, k, n,
                      [=] { return weights; }, k, {rows.count, from, rows.stride, beta, to, ldy});
  }
}
template <class T>
void product_back_by_heads(const T* dy, index_t rows, Tensor<T>& w, T beta, T* dx, index_t lddx, Way way) {
  const WeightBlocks blocks(w.shape);
  const index_t n = blocks.outputs, k = blocks.inputs, lddy = blocks.row_outputs();
  for (index_t b = 0; b < blocks.count; ++b) {
    const T *from = dy + blocks.output_at(b), *weights = w.data + blocks.weight_at(b);
    T* const to = dx + blocks.input_at(b);
    const T factor =
        b < blocks.heads ? beta : T{1};  // the further ones add to what the first has made of a head
    if (!is_packed(way)) {
      plain_product<T>(Trans::no, rows, k, n, from, lddy, weights, k, factor, to, lddx, way);
      continue;
    }
    packed_product<T>(part_of(packed(w).blocks, blocks.count, b), true, way, Trans::no, n, k,
                      [=] { return weights; }, k, {rows, from, lddy, factor, to, lddx});
  }
}

// y = x Wᵀ + beta y.
template <class T>
void product(const T* x, const MatrixLayout<T>& rows, Tensor<T>& w, T beta, T* y, Way way) {
  if (rows.count == 0 || WeightBlocks(w.shape).row_outputs() == 0) return;
  if (w.shape.rank() > 2) return product_by_heads(x, rows, w, beta, y, way);
  const index_t outputs = w.shape[0];
  if (is_packed(way)) {
    packed_product<T>(packed(w), false, way, Trans::yes, rows.cols, outputs, [&] { return w.data; },
                      rows.cols, {rows.count, x, rows.stride, beta, y, outputs});
  } else {
    plain_product<T>(Trans::yes, rows.count, outputs, rows.cols, x, rows.stride, w.data, rows.cols, beta, y,
                     outputs, way);
  }
}

template <class T>
bool is_finite(Tensor<T>& w) {
  if (!w.is_leaf()) return all_finite(w.data, w.shape.size());  // of most others one product is all there is
  std::optional<bool>& known = packed(w).finite;
  if (!known) known = all_finite(w.data, w.shape.size());
  return *known;
}

// dx (+)= dy W.
template <class T>
void product_back(const T* dy, const MatrixLayout<T>& rows, Tensor<T>& w, const GradSlot<T>& dx, Way way) {
  const index_t outputs = WeightBlocks(w.shape).row_outputs();
  const auto multiply = [&](T beta, T* to, index_t ldto) {
    if (w.shape.rank() > 2) {
      product_back_by_heads(dy, rows.count, w, beta, to, ldto, way);
    } else if (is_packed(way)) {
      packed_product<T>(packed(w), true, way, Trans::no, outputs, rows.cols, [&] { return w.data; },
                        rows.cols, {rows.count, dy, outputs, beta, to, rows.count == 1 ? rows.cols : ldto});
    } else {
      plain_product<T>(Trans::no, rows.count, rows.cols, outputs, dy, outputs, w.data, rows.cols, beta, to,
                       ldto, way);
    }
  };
  const index_t stride = dx.run == dx.pitch || dx.run > rows.cols ? rows.cols : dx.pitch;
  multiply_rows_in_use<T>(
      dy, rows.count, outputs, {dx.data, rows.cols, stride, dx.add}, [&] { return is_finite(w); }, multiply);
}

template <class T>
void add_rows(const T* b, index_t rows, index_t cols, T* y, bool add) {
  for (index_t r = 0; r < rows; ++r) store_or_add(y + r * cols, cols, add, b);
}

}  // namespace unroll::detail
