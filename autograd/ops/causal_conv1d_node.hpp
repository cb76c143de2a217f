#pragma once  // internal
/// \file The node behind causal_conv1d(), and the products of a full convolution. Internal to causal_conv1d.cpp.

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/ops/causal_taps.hpp"
#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/linear_products.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll::detail {

// Calls f(row of the state, row of the history) for what the state keeps.
template <class F>
void for_kept_rows(const ConvSizes& s, const ConvSight& sight, F&& f) {
  for (index_t k = 0; k < s.before(); ++k)
    for (index_t b = 0; b < s.batch; ++b)
      if (k >= s.before() - sight.kept[static_cast<std::size_t>(b)])
        f(k * s.batch + b, (sight.lengths[static_cast<std::size_t>(b)] + k) * s.batch + b);
}

/// The matrices W_j of a full convolution.
template <class T>
class TapMatrices {
 public:
  TapMatrices(const ConvSizes& s, Tensor<T>& w, Way way) : s_(s), w_(w), way_(way) {}

  /// y += x W_jᵀ
  void multiply(index_t j, index_t rows, const T* x, T* y) {
    if (!is_packed(way_)) {
      return plain_product<T>(Trans::yes, rows, s_.outputs, s_.inputs, x, s_.inputs, tap(j), s_.inputs, T{1},
                              y, s_.outputs, way_);
    }
    multiply_packed(j, false, Trans::yes, s_.inputs, s_.outputs, {rows, x, s_.inputs, T{1}, y, s_.outputs});
  }
  /// dx += dy W_j
  void multiply_back(index_t j, index_t rows, const T* dy, T* dx) {
    const auto product = [&](T beta, T* to, index_t ldto) {
      plain_product<T>(Trans::no, rows, s_.inputs, s_.outputs, dy, s_.outputs, tap(j), s_.inputs, beta, to,
                       ldto, way_);
    };
    const auto by_packed = [&](T beta, T* to, index_t ldto) {
      multiply_packed(j, true, Trans::no, s_.outputs, s_.inputs, {rows, dy, s_.outputs, beta, to, ldto});
    };
    const ProductRows<T> to{dx, s_.inputs, s_.inputs, true};
    const auto finite = [&] { return is_finite(w_); };
    if (is_packed(way_))
      multiply_rows_in_use<T>(dy, rows, s_.outputs, to, finite, by_packed);
    else
      multiply_rows_in_use<T>(dy, rows, s_.outputs, to, finite, product);
  }

 private:
  void multiply_packed(index_t j, bool backward, Trans tw, index_t k, index_t n, const PackedProduct<T>& p) {
    auto& packs = part_of(packed(w_).taps, s_.taps, j);
    packed_product<T>(
        packs, backward, way_, tw, k, n, [&] { return tap(j); }, s_.inputs, p);
  }
  const T* tap(index_t j) {
    if (taps_.empty()) taps_ = weights_by_tap(s_, w_.data);
    return taps_.data() + j * s_.outputs * s_.inputs;
  }
  const ConvSizes& s_;
  Tensor<T>& w_;
  Way way_;
  PoolVector<T> taps_;
};

template <class T>
void convolve_all(const ConvSizes& s, const ConvSight& sight, const History<const T>& in, Tensor<T>& w,
                  const T* bias, T* y) {
  std::fill_n(y, s.rows() * s.outputs, T{0});
  if (bias) add_rows(bias, s.rows(), s.outputs, y, false);
  TapMatrices<T> matrices(s, w, way_of<T>(s.rows()));
  PoolVector<T> copy;
  for_tap_pieces(s, in.state != nullptr, [&](index_t j, index_t first, index_t last, index_t from) {
    const T* x = rows_in_sight(s, sight.taps, j, first, last, in.row(from), s.inputs, copy);
    matrices.multiply(j, last - first, x, y + first * s.outputs);
  });
  for (index_t r = 0; r < s.rows(); ++r)
    if (sight.taps[static_cast<std::size_t>(r)] == 0) std::fill_n(y + r * s.outputs, s.outputs, T{0});
}

/// y and the state behind it.
/// Inputs: x, weight, perhaps bias, perhaps state.
template <class T>
class CausalConvNode final : public Node<T> {
 public:
  CausalConvNode(const ConvSizes& sizes, ConvSight sight, bool has_bias, bool has_state)
      : s_(sizes),
        sight_(std::move(sight)),
        bias_(has_bias ? 2 : 0),
        state_(has_state ? (has_bias ? 3 : 2) : 0) {}
  bool reads(std::size_t k) const { return k == 0 || k != bias_; }

  void backward() override {
    const T *dy = this->output_grad(0), *kept = this->output_grad(1);
    if (!dy && !kept) return;
    // Rows without gradient give none, whatever they see.
    std::vector<index_t> taps = sight_.taps;
    for (index_t r = 0; r < s_.rows(); ++r)
      if (!dy || all_zero(dy + r * s_.outputs, s_.outputs)) taps[static_cast<std::size_t>(r)] = 0;
    inputs_back(taps, dy, kept);
    if (this->wants(1)) weight_back(taps, dy);
    if (bias_ && this->wants(bias_)) bias_back(taps, dy);
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override;
  std::string name() const override { return "causal_conv1d"; }
  std::vector<Variable<T>> as_ops(const std::vector<Variable<T>>& in) const override;

 private:
  bool wants_state() const { return state_ && this->wants(state_); }
  History<const T> history() const {
    return {state_ ? this->input(state_).data : nullptr, this->input(0).data, s_.state_rows(), s_.inputs};
  }

  void inputs_back(const std::vector<index_t>& taps, const T* dy, const T* kept) {
    const GradSlot<T> dx = this->wants(0) ? open_grad(this->input(0)) : GradSlot<T>{};
    const GradSlot<T> ds = wants_state() ? open_grad(this->input(state_)) : GradSlot<T>{};
    const History<T> to{ds.data, dx.data, s_.state_rows(), s_.inputs};
    if (ds) history_back(taps, dy, to, 0, s_.state_rows(), ds.add);
    if (dx) history_back(taps, dy, to, s_.state_rows(), s_.state_rows() + s_.rows(), dx.add);
    if (!kept) return;
    for_kept_rows(s_, sight_, [&](index_t from, index_t h) {
      if (h < s_.state_rows() ? ds.data : dx.data)
        store_or_add(to.row(h), s_.inputs, true, kept + from * s_.inputs);
    });
  }
  // The rows [begin, end) of the history, all of the state or all of x.
  void history_back(const std::vector<index_t>& taps, const T* dy, const History<T>& to, index_t begin,
                    index_t end, bool add) {
    Tensor<T>& w = this->input(1);
    if (s_.depthwise) {
      const PoolVector<T> weights = weights_by_tap(s_, w.data);
      return share_features(s_, [&](index_t first, index_t last) {
        features_back(s_, taps, dy, weights.data(), to, begin, end, add, first, last);
      });
    }
    if (!add && end > begin) std::fill_n(to.row(begin), (end - begin) * s_.inputs, T{0});
    if (!dy) return;
    TapMatrices<T> matrices(s_, w, way_in<T>(precision_, s_.rows()));
    PoolVector<T> copy;
    for_tap_pieces(s_, true, [&](index_t j, index_t first, index_t last, index_t h) {
      if (h < begin || h >= end) return;
      const T* d = rows_in_sight(s_, taps, j, first, last, dy + first * s_.outputs, s_.outputs, copy);
      matrices.multiply_back(j, last - first, d, to.row(h));
    });
  }

  void weight_back(const std::vector<index_t>& taps, const T* dy) {
    const index_t n = s_.depthwise ? s_.inputs : s_.outputs * s_.inputs;
    PoolVector<double> sums(s_.depthwise ? static_cast<std::size_t>(s_.taps * n) : 0);
    PoolVector<T> products(s_.depthwise ? 0 : static_cast<std::size_t>(s_.taps * n));
    if (s_.depthwise) {
      share_features(s_, [&](index_t first, index_t last) {
        feature_weights_back(s_, taps, dy, history(), sums.data(), first, last);
      });
    } else if (dy) {
      matrices_back(taps, dy, products.data());
    }
    const GradSlot<T> dw = open_grad(this->input(1));
    for (index_t j = 0; j < s_.taps; ++j) {
      for (index_t k = 0; k < n; ++k) {
        const auto at = static_cast<std::size_t>(j * n + k);
        T& to = dw.data[k * s_.taps + j];
        const T value = s_.depthwise ? static_cast<T>(sums[at]) : products[at];
        to = dw.add ? to + value : value;
      }
    }
  }
  // to[j] += dyᵀ x over the rows that tap j sees
  void matrices_back(const std::vector<index_t>& taps, const T* dy, T* to) {
    const History<const T> in = history();
    PoolVector<T> copy;
    for_tap_pieces(s_, in.state != nullptr, [&](index_t j, index_t first, index_t last, index_t h) {
      const T* d = rows_in_sight(s_, taps, j, first, last, dy + first * s_.outputs, s_.outputs, copy);
      const RowsInUse<T> x(d, s_.outputs, in.row(h), last - first, s_.inputs, s_.inputs);
      blas::precise_gemm<T>(precision_, Trans::yes, Trans::no, s_.outputs, s_.inputs, last - first, d,
                            s_.outputs, x.data, x.stride, true, to + j * s_.outputs * s_.inputs, s_.inputs);
    });
  }
  void bias_back(const std::vector<index_t>& taps, const T* dy) {
    std::vector<index_t> used;
    for (index_t r = 0; r < s_.rows(); ++r)
      if (taps[static_cast<std::size_t>(r)] > 0) used.push_back(r);
    const GradSlot<T> db = open_grad(this->input(bias_));
    sum_rows_at<T>(
        static_cast<index_t>(used.size()), s_.outputs,
        [&](index_t k) { return dy + used[static_cast<std::size_t>(k)] * s_.outputs; }, db.data, db.add);
  }

  // 1 for the rows that tap j sees, (T, B, 1)
  Variable<T> mask(index_t j) const {
    Variable<T> m(Shape{s_.time, s_.batch, 1}, T{0});
    for (index_t r = 0; r < s_.rows(); ++r)
      if (sight_.taps[static_cast<std::size_t>(r)] >= s_.taps - j) m.tensor()->data[r] = T{1};
    return m;
  }

  ConvSizes s_;
  ConvSight sight_;
  std::size_t bias_, state_;  ///< numbers of the inputs; 0: none
  Precision precision_ = MatmulPrecision::current();
};

// d in the place of steps [first, first + its own) of `steps`, zeros elsewhere.
template <class T>
Variable<T> placed(const Variable<T>& d, index_t first, index_t steps) {
  const auto zeros = [&](index_t count) { return Variable<T>(d.shape().with(0, count), T{0}); };
  return concat<T>({zeros(first), d, zeros(steps - first - d.shape()[0])});
}

// The rows of `kept` where they come from in the history.
template <class T>
Variable<T> kept_back(const ConvSizes& s, const ConvSight& sight, const Variable<T>& kept) {
  std::vector<std::int64_t> from, to;
  for_kept_rows(s, sight, [&](index_t state, index_t h) { from.push_back(state), to.push_back(h); });
  const Variable<T> rows = gather(reshape(kept, {s.state_rows(), s.inputs}), Indices(std::move(from)));
  const index_t steps = s.before() + s.time;
  return reshape(scatter_add(rows, Indices(std::move(to)), steps * s.batch), {steps, s.batch, s.inputs});
}

template <class T>
std::vector<Variable<T>> CausalConvNode<T>::record_backward(const std::vector<Variable<T>>& dy) {
  using namespace recorded;
  const auto in = [&](std::size_t k) { return Variable<T>(TensorRef<T>(&this->input(k))); };
  const Variable<T> w = in(1), nothing(T{0});
  const Variable<T> state = state_ ? in(state_) : Variable<T>({s_.before(), s_.batch, s_.inputs}, T{0});
  const Variable<T> all = concat<T>({state, in(0)});
  const index_t steps = s_.before() + s_.time;
  Variable<T> history(all.shape(), T{0});
  std::vector<Variable<T>> weights, result(this->input_count());
  const Variable<T> d = dy[0] ? dy[0] : Variable<T>({s_.time, s_.batch, s_.outputs}, T{0});
  for (index_t j = 0; j < s_.taps; ++j) {
    const Variable<T> dj = where(mask(j), d, nothing), wj = select(w, w.rank() - 1, j);
    const Variable<T> xj = hide_idle_rows(dj, slice(all, 0, j, j + s_.time));
    if (s_.depthwise) {
      history = add(history, placed(mul(dj, wj), j, steps));
      weights.push_back(sum(mul(dj, xj), {0, 1}));
    } else {
      const Variable<T> rows = reshape(dj, {s_.rows(), s_.outputs});
      const Variable<T> dx = hide_idle_rows(rows, matmul(rows, wj));
      history = add(history, placed(reshape(dx, {s_.time, s_.batch, s_.inputs}), j, steps));
      weights.push_back(matmul(transpose(rows), reshape(xj, {s_.rows(), s_.inputs})));
    }
  }
  if (dy[1] && s_.state_rows() > 0) history = add(history, kept_back(s_, sight_, dy[1]));
  result[0] = slice(history, 0, s_.before(), steps);
  result[1] = stack(weights, w.rank() - 1);
  if (bias_) result[bias_] = sum(where(mask(s_.taps - 1), d, nothing), {0, 1});
  if (state_) result[state_] = slice(history, 0, 0, s_.before());
  return result;
}

template <class T>
std::vector<Variable<T>> CausalConvNode<T>::as_ops(const std::vector<Variable<T>>& in) const {
  const MatmulPrecision scope(precision_);
  const bool plain =
      std::all_of(sight_.taps.begin(), sight_.taps.end(), [&](index_t n) { return n == s_.taps; });
  if (s_.time != 1 || !plain) return {};
  const Variable<T>&x = in[0], &w = in[1];
  const Variable<T> before = state_ ? in[state_] : Variable<T>({s_.before(), s_.batch, s_.inputs}, T{0});
  Variable<T> y;
  for (index_t j = 0; j < s_.taps; ++j) {
    const Variable<T> xj = j < s_.before() ? Variable<T>(slice(before, 0, j, j + 1)) : x;
    const Variable<T> wj = select(w, w.rank() - 1, j);
    const Variable<T> product = s_.depthwise ? Variable<T>(xj * wj) : Variable<T>(linear(xj, wj));
    y = y ? Variable<T>(y + product) : product;
  }
  if (bias_) y = y + in[bias_];
  if (s_.before() == 0) return {y, before};
  return {y, s_.before() == 1 ? x : concat<T>({slice(before, 0, 1, s_.before()), x})};
}

}  // namespace unroll::detail
