#pragma once
/// \file What cells with a matrix per head as state share.

#include <limits>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/l2_normalise.hpp"
#include "unroll/autograd/linear_attention.hpp"
#include "unroll/autograd/rearrange.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/detail/layers/recurrent/short_convolution.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/rms_norm.hpp"

namespace unroll {

/// The state of a cell that keeps a matrix per head.
/// Shapes: h (B, H), s (B, heads, d_k, d_v).
template <class T>
struct MatrixState {
  Variable<T> h;  ///< the output
  Variable<T> s;  ///< the matrices
  /// Shows both.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("s", s);
  }
};
/// The same where a short convolution stands before it.
/// Shapes: convolution (B, K − 1, C) for C numbers that are convolved.
template <class T>
struct ConvolvedMatrixState {
  Variable<T> h;            ///< the output
  Variable<T> s;            ///< the matrices
  Variable<T> convolution;  ///< the last inputs of the convolution
  /// Shows all of them.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("s", s);
    v("convolution", convolution);
  }
};

/// The sizes of a cell with a matrix per head.
struct MatrixStateOptions {
  index_t heads = 0;  ///< 0: one for each 64 units from 256 on, else four where they divide H ≥ 16, or one
};

namespace detail {

/// How many heads H units have.
/// Errors: ShapeError unless H is a multiple of it, naming `cell`.
inline index_t head_count(const char* cell, index_t hidden, const MatrixStateOptions& o) {
  const bool wide = hidden >= 256 && hidden % 64 == 0, some = hidden >= 16 && hidden % 4 == 0;
  const index_t heads = o.heads > 0 ? o.heads : wide ? hidden / 64 : some ? 4 : 1;
  if (o.heads < 0 || hidden % heads != 0)
    raise<ShapeError>("{}: need a hidden size that is a multiple of the heads; got hidden {}, heads {}", cell,
                      hidden, o.heads);
  return heads;
}

/// (T, B, H) → (T, B, heads, H / heads)
template <class T>
Variable<T> by_heads(const Variable<T>& x, index_t heads) {
  const Shape& s = x.shape();
  return reshape(x, Shape{s[0], s[1], heads, s[2] / heads});
}
/// The inverse.
template <class T>
Variable<T> without_heads(const Variable<T>& x) {
  const Shape& s = x.shape();
  return reshape(x, Shape{s[0], s[1], s[2] * s[3]});
}

/// (T, B, heads, d) → (T, B, times · heads, d): each head `times` times in a row.
template <class T>
Variable<T> repeat_heads(const Variable<T>& x, index_t times) {
  if (times == 1) return x;
  const Shape& s = x.shape();
  const Variable<T> apart = reshape(x, Shape{s[0], s[1], s[2], 1, s[3]});
  return reshape(tile(apart, {1, 1, 1, times, 1}), Shape{s[0], s[1], s[2] * times, s[3]});
}

/// x (T, B, …), where a sequence begins `value`.
template <class T>
Variable<T> with_value_at_resets(const Variable<T>& x, const Indices& resets, T value) {
  if (resets.size() == 0) return x;
  Shape shape = x.shape();
  for (int axis = 2; axis < shape.rank(); ++axis) shape = shape.with(axis, 1);
  Variable<T> mask(shape, T{0});
  for (index_t i = 0; i < resets.size(); ++i) mask.mutable_data()[i] = resets[i] != 0 ? T{1} : T{0};
  return where(mask, value, x);
}
/// `decay` (T, B, …), where a sequence begins −∞, which clears the state.
template <class T>
Variable<T> decay_with_resets(const Variable<T>& decay, const Indices& resets) {
  return with_value_at_resets(decay, resets, -std::numeric_limits<T>::infinity());
}

/// Zeros for cells of `heads` matrices (d, d).
template <class T>
MatrixState<T> zero_matrices(index_t batch, index_t hidden, index_t heads) {
  const index_t d = hidden / heads;
  return {Variable<T>({batch, hidden}, T{0}), Variable<T>({batch, heads, d, d}, T{0})};
}

}  // namespace detail
}  // namespace unroll
