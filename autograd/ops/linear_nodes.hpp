#pragma once  // internal
/// \file The nodes behind linear(). Internal to linear.cpp.

#include <algorithm>
#include <optional>

#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/fused/compiled.hpp"
#include "unroll/detail/autograd/ops/add_slices.hpp"
#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/linear_products.hpp"

namespace unroll::detail {

/// The rows of d by heads: (rows, G · heads · O) as (G, heads, rows, O).
template <class T>
Variable<T> by_heads(const Variable<T>& d, const Shape& w) {
  const WeightBlocks blocks(w);
  return permute(reshape(d, {d.shape()[0], blocks.count / blocks.heads, blocks.heads, blocks.outputs}),
                 {1, 2, 0, 3});
}
/// d W of a weight or of its blocks, recorded.
template <class T>
Variable<T> times_weight(const Variable<T>& d, const Variable<T>& w) {
  if (w.rank() == 2) return matmul(d, w);
  const Variable<T> products = matmul(by_heads(d, w.shape()), w);  // (G, heads, rows, I)
  Variable<T> heads = select(products, 0, 0);
  for (index_t g = 1; g < products.shape()[0]; ++g) heads = recorded::add(heads, select(products, 0, g));
  return reshape(permute(heads, {1, 0, 2}), {d.shape()[0], WeightBlocks(w.shape()).row_inputs()});
}
/// dᵀ x for a weight of this shape, recorded.
template <class T>
Variable<T> weight_gradient(const Variable<T>& d, const Variable<T>& x, const Shape& w) {
  if (w.rank() == 2) return matmul(transpose(d), x);
  const WeightBlocks blocks(w);
  const Variable<T> heads = permute(reshape(x, {x.shape()[0], blocks.heads, blocks.inputs}), {1, 0, 2});
  return reshape(matmul(permute(by_heads(d, w), {0, 1, 3, 2}), heads), w);
}

/// y = [addend +] Σ x_k W_kᵀ [+ b_k].
/// Inputs: the addend if there is one, then x, W and perhaps b of each term.
template <class T>
class AffineNode : public Node<T> {
 public:
  struct Use {
    std::size_t x, w, b;  ///< input numbers; b is 0 where there is none (input 0 is never a bias)
  };

  AffineNode(bool has_addend, PoolVector<Use> uses, Way way)
      : uses_(std::move(uses)), has_addend_(has_addend), way_(way) {}
  /// Neither the addend nor the biases.
  bool reads(std::size_t k) const {
    if (k == 0) return !has_addend_;
    return std::none_of(uses_.begin(), uses_.end(), [k](const Use& u) { return u.b == k; });
  }

  void backward() override {
    const Tensor<T>& out = *this->output();
    const T* dy = this->output_grad();
    if (!dy) return;
    const index_t outputs = out.shape.back(0);
    if (has_addend_ && this->wants(0)) pass_on(out, dy);
    for (const Use& u : uses_) {
      Tensor<T>&x = this->input(u.x), &w = this->input(u.w);
      const MatrixLayout<T> rows(x);
      if (this->wants(u.x)) product_back(dy, rows, w, open_grad(x), way_);
      if (this->wants(u.w)) {
        if (w.is_leaf()) {
          defer<T>(w, {x.storage, x.data, rows.stride, holder(out), dy, rows.count, precision_of(way_)});
        } else {
          const GradSlot<T> dw = open_grad(w);
          multiply_weight_gradient(WeightBlocks(w.shape), dy, rows.count, x.data, rows.stride, dw.add,
                                   dw.data, precision_of(way_));
        }
      }
      if (!u.b || !this->wants(u.b)) continue;
      Tensor<T>& b = this->input(u.b);
      if (b.is_leaf()) {
        defer<T>(b, {{}, nullptr, 0, holder(out), dy, rows.count});
      } else {
        const GradSlot<T> db = open_grad(b);
        sum_rows(dy, rows.count, outputs, db.data, db.add);
      }
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    std::vector<Variable<T>> dx(this->input_count());
    const auto in = [&](std::size_t k) { return Variable<T>(TensorRef<T>(&this->input(k))); };
    const Variable<T>& d = dy[0];
    if (has_addend_ && this->wants(0)) dx[0] = d;
    const Variable<T> d2 = reshape(d, Shape{MatrixLayout<T>(*d.tensor()).count, d.shape().back(0)});
    const auto add_to = [&](std::size_t k, const Variable<T>& g) {
      dx[k] = dx[k] ? apply_compiled(ScalarOp::add, {dx[k], g}) : g;
    };
    for (const Use& u : uses_) {
      const Variable<T> x = in(u.x);
      const Variable<T> x2 = reshape(x, Shape{d2.shape()[0], x.shape().back(0)});
      const Variable<T> w = in(u.w);
      if (this->wants(u.x)) add_to(u.x, reshape(hide_idle_rows(d2, times_weight(d2, w)), x.shape()));
      if (this->wants(u.w)) add_to(u.w, weight_gradient(d2, hide_idle_rows(d2, x2), w.shape()));
      if (u.b && this->wants(u.b)) add_to(u.b, fit_to(d2, this->input(u.b).shape));
    }
    return dx;
  }

  std::string name() const override { return has_addend_ ? "add_linear" : "linear"; }

  bool plan(StepPlanner<T>& to) const override {
    for (const Use& u : uses_)
      if (this->input(u.w).shape.rank() > 2) return false;  // a planned step has no blocks
    PoolVector<typename StepPlanner<T>::Term> terms;
    for (const Use& u : uses_)
      terms.push_back({&this->input(u.x), &this->input(u.w), u.b ? &this->input(u.b) : nullptr});
    to.affine(*this, has_addend_ ? &this->input(0) : nullptr, terms, precision_of(way_));
    return is_packed(way_);
  }

  std::vector<Variable<T>> again(const std::vector<Variable<T>>& inputs) const override;   // linear.cpp
  std::vector<Variable<T>> as_ops(const std::vector<Variable<T>>& inputs) const override;  // linear.cpp

  bool recomputable() const override { return !has_addend_ && uses_.size() == 1; }

  void recompute(index_t first, index_t count, T* to) override {
    if (!recomputable()) return Node<T>::recompute(first, count, to);
    const Use& u = uses_[0];
    MatrixLayout<T> rows(this->input(u.x));
    rows.count = count;
    const index_t outputs = WeightBlocks(this->input(u.w).shape).row_outputs();
    if (u.b) add_rows(this->input(u.b).data, count, outputs, to, false);
    product(this->input(u.x).data + first * rows.stride, rows, this->input(u.w), u.b ? T{1} : T{0}, to, way_);
  }

  Precision precision() const { return precision_of(way_); }

 private:
  // The memory that dy lies in.
  Ref<Block> holder(const Tensor<T>& out) const {
    const Tensor<T>* t = &out;
    while (!t->grad_storage) t = &t->creator->input(0);
    return t->grad_storage;
  }

  void pass_on(const Tensor<T>& out, const T* dy) {
    Tensor<T>& addend = this->input(0);
    if (out.shares_grad() && out.grad == addend.grad && addend.grad_state == GradState::full) return;
    write_gradient(addend, dy, out.shape.size(), out.shape.size());
  }

  PoolVector<Use> uses_;
  bool has_addend_;
  Way way_;
};

/// y = x Wᵀ + b where x are rows of an embedding table with much fewer rows than x has: the table's product E
/// Wᵀ + b is computed once, and its rows are copied.
/// Inputs: x, W, perhaps b, and E last.
template <class T>
class LookupNode final : public AffineNode<T> {
 public:
  LookupNode(bool has_bias, const Indices& rows)
      : AffineNode<T>(false, {{0, 1, has_bias ? std::size_t{2} : 0}}, way_of<T>(rows.size())), rows_(rows) {}

  /// Whether it pays: the product of the table and the copies of its rows against the product of x.
  static bool pays(index_t table_rows, index_t rows) { return 2 * table_rows <= rows; }

  static void forward(const Tensor<T>& e, const Indices& rows, Tensor<T>& w, const Tensor<T>* b, T* y) {
    const index_t outputs = w.shape[0], count = e.shape[0];
    PoolVector<T> table(static_cast<std::size_t>(count * outputs));
    if (b) add_rows(b->data, count, outputs, table.data(), false);
    product(e.data, MatrixLayout<T>(e), w, b ? T{1} : T{0}, table.data(), way_of<T>(count));
    for (index_t n = 0; n < rows.size(); ++n)
      std::copy_n(table.data() + rows[n] * outputs, outputs, y + n * outputs);
  }

  void backward() override {
    const Tensor<T>& x = this->input(0);
    const bool x_is_watched = x.wanted || x.retain_grad || (x.extras && !x.extras->hooks.empty());
    if (x_is_watched) return AffineNode<T>::backward();
    const T* dy = this->output_grad();
    if (!dy) return;
    const std::size_t last = this->input_count() - 1;
    Tensor<T>&w = this->input(1), &e = this->input(last);
    const index_t outputs = w.shape[0], inputs = w.shape[1], count = e.shape[0];
    PoolVector<T> table(static_cast<std::size_t>(count * outputs), T{0});
    SliceAdder<T>(rows_, count).add(dy, outputs, table.data());
    if (this->wants(last)) {
      const GradSlot<T> de = open_grad(e);
      multiply_rows_in_use<T>(
          table.data(), count, outputs, {de.data, inputs, inputs, de.add}, [&] { return is_finite(w); },
          [&](T beta, T* to, index_t ldto) {
            blas::precise_gemm<T>(this->precision(), Trans::no, Trans::no, count, inputs, outputs,
                                  table.data(), outputs, w.data, inputs, beta != T{0}, to, ldto);
          });
    }
    if (this->wants(1)) {
      const GradSlot<T> dw = open_grad(w);
      const RowsInUse<T> used(table.data(), outputs, e.data, count, inputs, inputs);
      blas::precise_gemm<T>(this->precision(), Trans::yes, Trans::no, outputs, inputs, count, table.data(),
                            outputs, used.data, used.stride, dw.add, dw.data, inputs);
    }
    if (last == 3 && this->wants(2)) {
      const GradSlot<T> db = open_grad(this->input(2));
      sum_rows(table.data(), count, outputs, db.data, db.add);
    }
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    return AffineNode<T>::record_backward(
        dy);  // by way of x: the table's own gradient comes from the look-up
  }
  std::string name() const override { return "linear"; }

 private:
  Indices rows_;
};

}  // namespace unroll::detail
