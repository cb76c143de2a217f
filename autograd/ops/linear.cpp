#include "unroll/autograd/linear.hpp"

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

#include <algorithm>

#include "unroll/detail/autograd/ops/linear_nodes.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {

thread_local constinit PartOfProduct::Ratio PartOfProduct::current = {1, 1};

namespace {

// Rows of x must be evenly spaced; anything else is copied first.
template <class T>
Variable<T> with_even_rows(const Variable<T>& x) {
  const Tensor<T>& t = *x.tensor();
  return t.dense() || t.run == t.shape.back(0) ? x : dense(x);
}

// An addend that may be overwritten is held by the loop that offers it and by the sum, and by nobody else.
constexpr std::uint32_t holders_of_offer = 2;

// Neither a hook nor anomaly mode, which compares the addend with the result, may want to see it later.
template <class T>
bool may_overwrite(const Tensor<T>& addend) {
  return addend.donatable && addend.refs == holders_of_offer && addend.is_view() && !addend.extras &&
         addend.dense() && !NoGrad::active() && !AnomalyMode::active();
}

template <class T>
using Term = typename LinearSum<T>::Term;

template <class T>
void check_unchanged(const Term<T>& term) {
  const auto changed = [](const Variable<T>& v, std::uint32_t version) {
    return v && v.version() != version;
  };
  if (changed(term.x, term.x_version) || changed(term.w, term.w_version) || changed(term.b, term.b_version)) {
    raise<UsageError>(
        "linear: an operand was changed by update() before the result was used; make it a Variable first");
  }
}

// Weight and bias in one piece, the rows of x evenly spaced.
template <class T>
void lay_out(Term<T>& term) {
  term.x = with_even_rows(term.x);
  if (!term.w.tensor()->dense()) term.w = dense(term.w);
  if (term.b && !term.b.tensor()->dense()) term.b = dense(term.b);
}

/// The inputs of the node, and which of them belong together.
template <class T>
struct Operands {
  PoolVector<Tensor<T>*> inputs;
  PoolVector<typename AffineNode<T>::Use> uses;

  Operands(const Variable<T>& addend, std::span<const Term<T>> terms) {
    inputs.reserve(1 + 3 * LinearSum<T>::max_terms);
    uses.reserve(LinearSum<T>::max_terms);
    if (addend) number(addend);
    for (const Term<T>& term : terms) {
      const std::size_t x = number(term.x), w = number(term.w);
      uses.push_back({x, w, term.b ? number(term.b) : 0});
    }
  }

 private:
  std::size_t number(const Variable<T>& v) {
    inputs.push_back(v.tensor());
    return inputs.size() - 1;
  }
};

// The memory of the addend, with its values.
template <class T>
TensorRef<T> over(const Tensor<T>& addend) {
  const index_t size = addend.shape.size();
  const TensorRef<T> out = Tensor<T>::alias(addend.storage, addend.data, addend.shape, size, size);
  out->grad_place = GradPlace::in_addend;
  return out;
}

// y [+]= Σ b_k + Σ x_k W_kᵀ
template <class T>
void accumulate(std::span<const Term<T>> terms, bool add, Tensor<T>& y, Way way) {
  const MatrixLayout<T> rows(y);
  for (const Term<T>& term : terms) {
    if (!term.b) continue;
    add_rows(term.b.tensor()->data, rows.count, rows.cols, y.data, add);
    add = true;
  }
  for (const Term<T>& term : terms) {
    product(term.x.tensor()->data, MatrixLayout<T>(*term.x.tensor()), *term.w.tensor(), add ? T{1} : T{0},
            y.data, way);
    add = true;
  }
}

// x W + b where x are rows of a small table, such as an embedding of characters; else nothing.
template <class T>
Variable<T> look_up(const Term<T>& term, PoolVector<Tensor<T>*> inputs, const Shape& shape) {
  const Node<T>* creator = term.x.tensor()->creator.get();
  const Indices* rows = creator ? creator->lookup() : nullptr;
  if (!rows || term.w.rank() > 2 || !LookupNode<T>::pays(creator->input(0).shape[0], rows->size())) return {};
  inputs.push_back(&creator->input(0));
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  LookupNode<T>::forward(creator->input(0), *rows, *term.w.tensor(), term.b.tensor(), out->data);
  return finish_op<LookupNode<T>>(true, inputs, out, static_cast<bool>(term.b), *rows);
}

template <class T>
Variable<T> sum_up(const Variable<T>& addend, std::span<const Term<T>> terms, const Shape& shape) {
  Operands<T> operands(addend, terms);
  const bool recorded = begin_op<T>("linear", operands.inputs);
  if (recorded && terms.size() == 1 && !addend)
    if (const Variable<T> result = look_up<T>(terms[0], operands.inputs, shape)) return result;
  const bool overwrite = recorded && addend && may_overwrite(*addend.tensor());
  const TensorRef<T> out = overwrite ? over(*addend.tensor()) : Tape<T>::local().allocate_output(shape);
  if (addend && !overwrite) copy_dense(*addend.tensor(), out->data);
  const Way way = way_of<T>(MatrixLayout<T>(*out).count);
  accumulate<T>(terms, static_cast<bool>(addend), *out, way);
  const Variable<T> result = finish_op<AffineNode<T>>(
      recorded, operands.inputs, out, static_cast<bool>(addend), std::move(operands.uses), way);
  if (overwrite) addend.tensor()->consumed = true;
  return result;
}

}  // namespace
}  // namespace detail

template <class T>
LinearSum<T>::LinearSum(const Variable<T>& x, const Variable<T>& w, const Variable<T>& b) : count_(1) {
  if (!x) detail::fail_empty("linear", 0);
  if (!w) detail::fail_empty("linear", 1);
  const Shape &xs = x.shape(), &ws = w.shape();
  const bool by_heads = (ws.rank() == 3 || ws.rank() == 4) && ws.product(0, ws.rank() - 2) > 0;
  if ((ws.rank() != 2 && !by_heads) || xs.rank() < 1 || xs.back(0) != detail::WeightBlocks(ws).row_inputs()) {
    raise<ShapeError>(
        "linear: need x (…, {}; got x {}, W {}",
        ws.rank() > 2 ? "heads · I) and W (heads, O, I) or (G, heads, O, I)" : "I) and W (O, I)",
        detail::name_and_shape(*x.tensor()), detail::name_and_shape(*w.tensor()));
  }
  const index_t outputs = detail::WeightBlocks(ws).row_outputs();
  if (b && (b.rank() != 1 || b.size() != outputs)) {
    raise<ShapeError>("linear: need b ({},) for W {}; got {}", outputs, detail::name_and_shape(*w.tensor()),
                      detail::name_and_shape(*b.tensor()));
  }
  shape_ = xs.with(xs.rank() - 1, outputs);
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
  const std::span<Term> terms(terms_.data(), static_cast<std::size_t>(count_));
  for (Term& term : terms) {
    detail::check_unchanged<T>(term);
    detail::lay_out<T>(term);
  }
  result_ = detail::sum_up<T>(addend_, terms, shape_);
  for (Term& term : terms) term = {};
  addend_ = {};
}

// A weight by heads as one product for each block.
template <class T>
std::vector<Variable<T>> detail::AffineNode<T>::as_ops(const std::vector<Variable<T>>& inputs) const {
  const MatmulPrecision scope(precision());
  std::vector<Variable<T>> sums;
  if (has_addend_) sums.push_back(inputs[0]);
  for (const Use& u : uses_) {
    const Variable<T>&x = inputs[u.x], &w = inputs[u.w];
    if (w.rank() < 3) return {};
    const WeightBlocks blocks(w.shape());
    const Variable<T> all = reshape(w, {blocks.count, blocks.outputs, blocks.inputs});
    std::vector<Variable<T>> parts;
    for (index_t k = 0; k < blocks.count; ++k) {
      const index_t first = k % blocks.heads * blocks.inputs;
      parts.push_back(linear(slice(x, -1, first, first + blocks.inputs), select(all, 0, k)));
    }
    sums.push_back(concat(parts, -1));
    if (u.b) sums.push_back(inputs[u.b]);
  }
  Variable<T> y = sums[0];
  for (std::size_t k = 1; k < sums.size(); ++k) y = apply_compiled(ScalarOp::add, {y, sums[k]});
  return {y};
}

template <class T>
std::vector<Variable<T>> detail::AffineNode<T>::again(const std::vector<Variable<T>>& inputs) const {
  const MatmulPrecision scope(precision());
  std::optional<LinearSum<T>> sum;
  for (const Use& u : uses_) {
    LinearSum<T> term(inputs[u.x], inputs[u.w], u.b ? inputs[u.b] : Variable<T>());
    sum = sum ? std::move(*sum).plus(std::move(term)) : std::move(term);
  }
  if (has_addend_) sum = std::move(*sum).plus(inputs[0]);
  return {sum->evaluate()};
}

UNROLL_COMPILE_TYPES(class LinearSum)

}  // namespace unroll
