#include "autograd/linear.hpp"

#include <algorithm>

#include "autograd/compiled.hpp"
#include "autograd/deferred.hpp"
#include "autograd/gemm.hpp"
#include "autograd/matmul.hpp"
#include "autograd/views.hpp"

namespace unroll {
namespace detail {
namespace {

using blas::Trans;

// From this many rows on a product reads the weights as they are stored.
constexpr index_t packed_rows = 128;

/// Both orientations of a weight, packed for products with few rows.
template <class T>
struct PackedWeight {
  blas::PackedMatrix<T> forward, backward;
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
struct Rows {
  index_t count, cols, stride;
  explicit Rows(const Tensor<T>& x)
      : count(x.shape.size() == 0 ? x.shape.product(0, x.shape.rank() - 1)
                                  : x.shape.size() / x.shape.back(0)),
        cols(x.shape.back(0)),
        stride(x.dense() ? cols : x.pitch) {}
};

// y = x Wᵀ + beta y.
template <class T>
void product(const T* x, const Rows<T>& rows, Tensor<T>& w, T beta, T* y) {
  const index_t outputs = w.shape[0];
  if (rows.count <= packed_rows) {
    auto& pack = packed(w).forward;
    if (pack.empty()) pack.pack(Trans::yes, rows.cols, outputs, w.data, rows.cols);
    pack.multiply(rows.count, x, rows.stride, beta, y, outputs);
  } else {
    blas::gemm<T>(Trans::no, Trans::yes, rows.count, outputs, rows.cols, T{1}, x, rows.stride, w.data,
                  rows.cols, beta, y, outputs);
  }
}

// dx (+)= dy W.
template <class T>
void product_back(const T* dy, const Rows<T>& rows, Tensor<T>& w, const GradSlot<T>& dx) {
  const index_t outputs = w.shape[0];
  const T beta = dx.add ? T{1} : T{0};
  const index_t stride = dx.run == dx.pitch || dx.run > rows.cols ? rows.cols : dx.pitch;
  if (rows.count <= packed_rows) {
    auto& pack = packed(w).backward;
    if (pack.empty()) pack.pack(Trans::no, outputs, rows.cols, w.data, rows.cols);
    pack.multiply(rows.count, dy, outputs, beta, dx.data, stride);
  } else {
    blas::gemm<T>(Trans::no, Trans::no, rows.count, rows.cols, outputs, T{1}, dy, outputs, w.data, rows.cols,
                  beta, dx.data, stride);
  }
}

template <class T>
void add_rows(const T* b, index_t rows, index_t cols, T* y, bool add) {
  for (index_t r = 0; r < rows; ++r, y += cols) {
    if (add) {
      for (index_t j = 0; j < cols; ++j) y[j] += b[j];
    } else {
      std::copy_n(b, cols, y);
    }
  }
}

/// y = [addend +] Σ x_k W_kᵀ [+ b_k]. Inputs: the addend if there is one, then x, W and perhaps b of each
/// term.
template <class T>
class AffineNode final : public ManyNode<T> {
 public:
  struct Use {
    std::size_t x, w, b;  ///< input numbers; b is 0 where there is none (input 0 is never a bias)
  };

  AffineNode(std::size_t inputs, bool has_addend, PoolVector<Use> uses)
      : ManyNode<T>(inputs, 1), uses_(std::move(uses)), has_addend_(has_addend) {}

  void start() {
    if (has_addend_) this->forget_version(0);
    for (const Use& u : uses_)
      if (u.b) this->forget_version(u.b);
  }

  void backward() override {
    const Tensor<T>& out = *this->output();
    const T* dy = this->output_grad();
    if (!dy) return;
    const index_t outputs = out.shape.back(0);
    if (has_addend_ && this->wants(0)) pass_on(out, dy);
    for (const Use& u : uses_) {
      Tensor<T>&x = this->input(u.x), &w = this->input(u.w);
      const Rows<T> rows(x);
      if (this->wants(u.x)) product_back(dy, rows, w, open_grad(x));
      if (this->wants(u.w)) {
        if (w.is_leaf()) {
          defer<T>(w, {TensorRef<T>(&x), rows.stride, holder(out), dy, rows.count});
        } else {
          const GradSlot<T> dw = open_grad_dense(w);
          blas::gemm<T>(Trans::yes, Trans::no, outputs, rows.cols, rows.count, T{1}, dy, outputs, x.data,
                        rows.stride, dw.add ? T{1} : T{0}, dw.data, rows.cols);
        }
      }
      if (!u.b || !this->wants(u.b)) continue;
      Tensor<T>& b = this->input(u.b);
      if (b.is_leaf()) {
        defer<T>(b, {{}, 0, holder(out), dy, rows.count});
      } else {
        const GradSlot<T> db = open_grad_dense(b);
        sum_rows(dy, rows.count, outputs, db.data, db.add);
      }
    }
  }

  std::vector<Variable<T>> emit(const std::vector<Variable<T>>& dy) override {
    std::vector<Variable<T>> dx(this->input_count());
    const auto in = [&](std::size_t k) { return Variable<T>(TensorRef<T>(&this->input(k))); };
    const Variable<T>& d = dy[0];
    if (has_addend_ && this->wants(0)) dx[0] = d;
    const Variable<T> d2 = reshape(d, Shape{Rows<T>(*d.tensor()).count, d.shape().back(0)});
    const auto add_to = [&](std::size_t k, const Variable<T>& g) {
      dx[k] = dx[k] ? apply_compiled(ScalarOp::add, {dx[k], g}) : g;
    };
    for (const Use& u : uses_) {
      const Variable<T> x = in(u.x);
      const Variable<T> x2 = reshape(x, Shape{d2.shape()[0], x.shape().back(0)});
      if (this->wants(u.x)) add_to(u.x, reshape(matmul(d2, in(u.w)), x.shape()));
      if (this->wants(u.w)) add_to(u.w, matmul(transpose(d2), x2));
      if (u.b && this->wants(u.b)) add_to(u.b, fit_to(d2, this->input(u.b).shape));
    }
    return dx;
  }

  std::string name() const override { return has_addend_ ? "add_linear" : "linear"; }

  void recompute(index_t first, index_t count, T* to) override {
    if (has_addend_ || uses_.size() != 1) return Node<T>::recompute(first, count, to);
    const Use& u = uses_[0];
    Rows<T> rows(this->input(u.x));
    rows.count = count;
    const index_t outputs = this->input(u.w).shape[0];
    if (u.b) add_rows(this->input(u.b).data, count, outputs, to, false);
    product(this->input(u.x).data + first * rows.stride, rows, this->input(u.w), u.b ? T{1} : T{0}, to);
  }

 private:
  // The memory that dy lies in.
  Ref<Block> holder(const Tensor<T>& out) const {
    const Tensor<T>* t = &out;
    while (!t->grad_storage) t = &t->creator->input(0);
    return t->grad_storage;
  }

  static GradSlot<T> open_grad_dense(Tensor<T>& t) { return open_grad(t); }

  void pass_on(const Tensor<T>& out, const T* dy) {
    Tensor<T>& addend = this->input(0);
    if (out.shares_grad && out.grad == addend.grad && addend.grad_state == GradState::full) return;
    const GradSlot<T> g = open_grad(addend);
    for_runs<T>(out.shape.size(), g.run, g.pitch, out.shape.size(), out.shape.size(),
                [&](index_t to, index_t from, index_t n) {
                  for (index_t i = 0; i < n; ++i)
                    g.data[to + i] = g.add ? g.data[to + i] + dy[from + i] : dy[from + i];
                });
  }

  PoolVector<Use> uses_;
  bool has_addend_;
};

// Rows of x must be evenly spaced; anything else is copied first.
template <class T>
Variable<T> with_even_rows(const Variable<T>& x) {
  const Tensor<T>& t = *x.tensor();
  return t.dense() || t.run == t.shape.back(0) ? x : dense(x);
}

// The addend may be overwritten: nobody but its creator's scan knows it, and no hook watches.
template <class T>
bool may_take(const Tensor<T>& addend, std::uint32_t own_refs) {
  return addend.donatable && addend.refs == own_refs && addend.is_view && !addend.extras && addend.dense() &&
         !NoGrad::active();
}

}  // namespace
}  // namespace detail

template <class T>
Linear<T>::Linear(const Variable<T>& x, const Variable<T>& w, const Variable<T>& b) : count_(1) {
  if (!x) detail::fail_empty("linear", 0);
  if (!w) detail::fail_empty("linear", 1);
  const Shape &xs = x.shape(), &ws = w.shape();
  if (ws.rank() != 2 || xs.rank() < 1 || xs.back(0) != ws[1]) {
    fail<ShapeError>("linear: need x (…, I) and W (O, I); got x {}, W {}", xs.str(), ws.str());
  }
  if (b && (b.rank() != 1 || b.size() != ws[0])) {
    fail<ShapeError>("linear: need b ({},) for W {}; got {}", ws[0], ws.str(), b.shape().str());
  }
  shape_ = xs.with(xs.rank() - 1, ws[0]);
  terms_[0] = {x, w, b, x.version(), w.version(), b ? b.version() : 0};
}

template <class T>
const Variable<T>& Linear<T>::evaluate() const {
  if (!result_) compute();
  return result_;
}

template <class T>
Linear<T> Linear<T>::plus(Linear&& other) && {
  if (result_ || other.result_ || !(shape_ == other.shape_) || count_ + other.count_ > max_terms ||
      (addend_ && other.addend_)) {
    return std::move(other).plus(evaluate());
  }
  if (other.addend_) addend_ = std::move(other.addend_);
  for (int k = 0; k < other.count_; ++k)
    terms_[static_cast<std::size_t>(count_++)] = std::move(other.terms_[static_cast<std::size_t>(k)]);
  return std::move(*this);
}

template <class T>
Linear<T> Linear<T>::plus(Variable<T> x) && {
  if (!x) detail::fail_empty("add", 0);
  if (!result_ && !addend_ && x.shape() == shape_) {
    addend_ = std::move(x);
    return std::move(*this);
  }
  Linear sum;
  sum.result_ = detail::apply_compiled(detail::ScalarOp::add, {x, evaluate()});
  sum.shape_ = sum.result_.shape();
  return sum;
}

template <class T>
void Linear<T>::compute() const {
  using detail::Tensor;
  const auto changed = [](const Variable<T>& v, std::uint32_t version) {
    return v && v.version() != version;
  };
  bool has_bias = false;
  for (int k = 0; k < count_; ++k) {
    Term& term = terms_[static_cast<std::size_t>(k)];
    if (changed(term.x, term.x_version) || changed(term.w, term.w_version) ||
        changed(term.b, term.b_version)) {
      fail<UsageError>(
          "linear: an operand was changed by update() before the result was used; make it a Variable first");
    }
    term.x = detail::with_even_rows(term.x);
    if (!term.w.tensor()->dense()) term.w = dense(term.w);
    if (term.b && !term.b.tensor()->dense()) term.b = dense(term.b);
    has_bias = has_bias || term.b;
  }
  detail::PoolVector<Tensor<T>*> inputs;
  detail::PoolVector<typename detail::AffineNode<T>::Use> uses;
  inputs.reserve(10);
  uses.reserve(3);
  if (addend_) inputs.push_back(addend_.tensor());
  for (int k = 0; k < count_; ++k) {
    const Term& term = terms_[static_cast<std::size_t>(k)];
    inputs.push_back(term.x.tensor());
    inputs.push_back(term.w.tensor());
    if (term.b) inputs.push_back(term.b.tensor());
    uses.push_back(
        {inputs.size() - (term.b ? 3 : 2), inputs.size() - (term.b ? 2 : 1), term.b ? inputs.size() - 1 : 0});
  }
  const bool recorded = detail::begin_op<T>("linear", inputs);
  const bool take = recorded && addend_ && detail::may_take(*addend_.tensor(), 2);

  detail::TensorRef<T> out;
  if (take) {
    Tensor<T>& a = *addend_.tensor();
    out = Tensor<T>::alias(a.storage, a.data, shape_, shape_.size(), shape_.size());
    out->shares_grad = true;
  } else {
    out = detail::Tape<T>::local().allocate_output(shape_);
    if (addend_) detail::copy_dense(*addend_.tensor(), out->data);
  }
  bool holds = static_cast<bool>(addend_);
  const index_t outputs = shape_.back(0), rows = outputs == 0 ? 0 : shape_.size() / outputs;
  for (int k = 0; has_bias && k < count_; ++k) {
    const Term& term = terms_[static_cast<std::size_t>(k)];
    if (!term.b) continue;
    detail::add_rows(term.b.data(), rows, outputs, out->data, holds);
    holds = true;
  }
  for (int k = 0; k < count_; ++k) {
    const Term& term = terms_[static_cast<std::size_t>(k)];
    detail::product(term.x.data(), detail::Rows<T>(*term.x.tensor()), *term.w.tensor(), holds ? T{1} : T{0},
                    out->data);
    holds = true;
  }
  if (recorded) {
    const bool has_addend = static_cast<bool>(addend_);
    auto* node = new detail::AffineNode<T>(inputs.size(), has_addend, std::move(uses));
    const detail::TensorRef<T> outs[] = {out};
    detail::record<T>(detail::Ref<detail::Node<T>>(node), inputs, outs);
    node->start();
    if (AnomalyMode::active()) detail::check_anomaly<T>(*node, *out);
  }
  if (take) addend_.tensor()->consumed = true;
  result_ = Variable<T>(std::move(out));
  for (Term& term : terms_) term = {};
  addend_ = {};
}

template class Linear<float>;
template class Linear<double>;

}  // namespace unroll
