#include "unroll/autograd/linear.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/detail/autograd/ops/linear_nodes.hpp"

namespace unroll {
namespace detail {
namespace {

// Rows of x must be evenly spaced; anything else is copied first.
template <class T>
Variable<T> with_even_rows(const Variable<T>& x) {
  const Tensor<T>& t = *x.tensor();
  return t.dense() || t.run == t.shape.back(0) ? x : dense(x);
}

// The addend may be overwritten: nobody but its creator's scan knows it, and neither a hook nor anomaly mode,
// which compares it with the result, watches.
template <class T>
bool may_take(const Tensor<T>& addend, std::uint32_t own_refs) {
  return addend.donatable && addend.refs == own_refs && addend.is_view() && !addend.extras &&
         addend.dense() && !NoGrad::active() && !AnomalyMode::active();
}

}  // namespace
}  // namespace detail

template <class T>
LinearSum<T>::LinearSum(const Variable<T>& x, const Variable<T>& w, const Variable<T>& b) : count_(1) {
  if (!x) detail::fail_empty("linear", 0);
  if (!w) detail::fail_empty("linear", 1);
  const Shape &xs = x.shape(), &ws = w.shape();
  if (ws.rank() != 2 || xs.rank() < 1 || xs.back(0) != ws[1]) {
    raise<ShapeError>("linear: need x (…, I) and W (O, I); got x {}, W {}", xs.str(), ws.str());
  }
  if (b && (b.rank() != 1 || b.size() != ws[0])) {
    raise<ShapeError>("linear: need b ({},) for W {}; got {}", ws[0], ws.str(), b.shape().str());
  }
  shape_ = xs.with(xs.rank() - 1, ws[0]);
  terms_[0] = {x, w, b, x.version(), w.version(), b ? b.version() : 0};
}

template <class T>
const Variable<T>& LinearSum<T>::evaluate() const {
  if (!result_) compute();
  return result_;
}

template <class T>
LinearSum<T> LinearSum<T>::plus(LinearSum&& other) && {
  broadcast("add", shape_, other.shape_);  // throws before anything is computed
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
LinearSum<T> LinearSum<T>::plus(Variable<T> x) && {
  if (!x) detail::fail_empty("add", 0);
  broadcast("add", x.shape(), shape_);
  if (!result_ && !addend_ && x.shape() == shape_) {
    addend_ = std::move(x);
    return std::move(*this);
  }
  LinearSum sum;
  sum.result_ = detail::apply_compiled(detail::ScalarOp::add, {x, evaluate()});
  sum.shape_ = sum.result_.shape();
  return sum;
}

template <class T>
void LinearSum<T>::compute() const {
  using detail::Tensor;
  const auto changed = [](const Variable<T>& v, std::uint32_t version) {
    return v && v.version() != version;
  };
  bool has_bias = false;
  for (int k = 0; k < count_; ++k) {
    Term& term = terms_[static_cast<std::size_t>(k)];
    if (changed(term.x, term.x_version) || changed(term.w, term.w_version) ||
        changed(term.b, term.b_version)) {
      raise<UsageError>(
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
  if (recorded && count_ == 1 && !addend_ && look_up(inputs)) return;
  if (take) {
    Tensor<T>& a = *addend_.tensor();
    out = Tensor<T>::alias(a.storage, a.data, shape_, shape_.size(), shape_.size());
    out->grad_place = detail::GradPlace::in_addend;
  } else {
    out = detail::Tape<T>::local().allocate_output(shape_);
    if (addend_) detail::copy_dense(*addend_.tensor(), out->data);
  }
  bool holds = static_cast<bool>(addend_);
  const index_t outputs = shape_.back(0), rows = outputs == 0 ? 0 : shape_.size() / outputs;
  const detail::Way way = detail::way_of<T>(rows);
  for (int k = 0; has_bias && k < count_; ++k) {
    const Term& term = terms_[static_cast<std::size_t>(k)];
    if (!term.b) continue;
    detail::add_rows(term.b.data(), rows, outputs, out->data, holds);
    holds = true;
  }
  for (int k = 0; k < count_; ++k) {
    const Term& term = terms_[static_cast<std::size_t>(k)];
    detail::product(term.x.data(), detail::Rows<T>(*term.x.tensor()), *term.w.tensor(), holds ? T{1} : T{0},
                    out->data, way);
    holds = true;
  }
  if (recorded) {
    const bool has_addend = static_cast<bool>(addend_);
    auto* node = new detail::AffineNode<T>(inputs.size(), has_addend, std::move(uses), way);
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

// x may be rows of a small table, such as an embedding of characters.
template <class T>
bool LinearSum<T>::look_up(std::span<detail::Tensor<T>* const> affine_inputs) const {
  const Term& term = terms_[0];
  const detail::Node<T>* creator = term.x.tensor()->creator.get();
  const Indices* rows = creator ? creator->lookup() : nullptr;
  if (!rows || !detail::LookupNode<T>::pays(creator->input(0).shape[0], rows->size())) return false;
  detail::Tensor<T>& e = creator->input(0);
  detail::PoolVector<detail::Tensor<T>*> inputs(affine_inputs.begin(), affine_inputs.end());
  inputs.push_back(&e);
  const detail::TensorRef<T> out = detail::Tape<T>::local().allocate_output(shape_);
  detail::LookupNode<T>::forward(e, *rows, *term.w.tensor(), term.b.tensor(), out->data);
  auto* node = new detail::LookupNode<T>(static_cast<bool>(term.b), *rows);
  const detail::TensorRef<T> outs[] = {out};
  detail::record<T>(detail::Ref<detail::Node<T>>(node), inputs, outs);
  node->start();
  if (AnomalyMode::active()) detail::check_anomaly<T>(*node, *out);
  result_ = Variable<T>(out);
  terms_[0] = {};
  return true;
}

UNROLL_COMPILE_TYPES(class LinearSum)

}  // namespace unroll
