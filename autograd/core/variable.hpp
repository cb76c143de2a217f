#pragma once
/// \file Variable: the handle through which users see values, gradients and the tape.

#include <concepts>
#include <functional>
#include <span>
#include <vector>

#include "unroll/autograd/array_view.hpp"
#include "unroll/autograd/no_grad.hpp"
#include "unroll/detail/autograd/core/adapt.hpp"
#include "unroll/detail/autograd/core/format.hpp"
#include "unroll/detail/autograd/core/host_reads.hpp"
#include "unroll/detail/autograd/core/nested_list.hpp"
#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll {

/// A handle to an array of T (float or double), rank 0 to 5, and to how it was computed.
///
/// Copies are cheap and share one value and one gradient. Values are read-only but for update().
/// Thread rule: a Variable and all that is computed from it belong to one thread at a time; distinct Variables
///         may be used by distinct threads at once.
/// Errors: every check throws before anything is changed, and leaves the tape usable.
template <class T>
class Variable {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);

 public:
  using value_type = T;
  /// The array with its place on the tape.
  using Tensor = detail::Tensor<T>;

  /// The empty handle: every op refuses it with UsageError.
  Variable() = default;
  /// A scalar (rank 0) constant.
  explicit Variable(T scalar);
  /// A constant with every element `fill`.
  Variable(const Shape& shape, T fill);
  /// A constant with the values of an xtensor expression, converted to T.
  template <class E>
  requires detail::XtExpression<E> Variable(const E& expression,
                                            bool requires_grad = false) {  // NOLINT: implicit on purpose
    const auto& shape = expression.shape();
    *this = uninitialised(Shape(shape.begin(), shape.end()));
    auto to = detail::adapt_dense(tensor_->data, this->shape());
    xt::noalias(to) = xt::cast<T>(expression);
    tensor_->requires_grad = requires_grad;
  }
  /// The result of a fused expression or a linear, computed now.
  template <class E>
  requires detail::LazyOf<E, T> Variable(E&& lazy)  // NOLINT: implicit on purpose
      : Variable(std::forward<E>(lazy).evaluate()) {}
  /// A handle to an array, for ops.
  explicit Variable(detail::TensorRef<T> tensor) : tensor_(std::move(tensor)) {}
  /// A constant of these elements, in row-major order.
  /// Errors: ShapeError unless they fill `shape`.
  static Variable from(const Shape& shape, std::span<const T> values);
  /// The same for elements in braces.
  static Variable from(const Shape& shape, std::initializer_list<T> values) {
    return from(shape, std::span<const T>(values.begin(), values.size()));
  }
  /// A constant of one axis with the elements of a std::vector, array or span.
  static Variable from(std::span<const T> values) {
    return from({static_cast<index_t>(values.size())}, values);
  }
  /// A constant as nested braces write it: `from({{1, 2}, {3, 4}})`.
  /// Errors: ShapeError for lists of different lengths or depths.
  static Variable from(const detail::NestedList<T>& list);
  /// A constant whose elements are undefined: write them through mutable_data() before anybody reads.
  static Variable uninitialised(const Shape& shape) { return Variable(Tensor::make(shape)); }

  /// Whether it is a handle to anything.
  explicit operator bool() const { return static_cast<bool>(tensor_); }
  /// The extents.
  const Shape& shape() const { return checked("shape").shape; }
  /// The extent of an axis; negative ones count from the end.
  index_t shape(int axis) const { return shape()[normalise_axis("shape", axis, rank())]; }
  /// The number of axes.
  int rank() const { return shape().rank(); }
  index_t size() const { return shape().size(); }

  /// The value as a read-only xtensor expression in row-major order, without a copy unless it is a slice that is not in
  /// one piece; valid while this handle lives. Of a temporary a copy.
  ArrayView<T> value() const& {
    const Tensor& t = readable("value");
    return {t.data, t.shape, t.run, t.pitch};
  }
  /// Of a temporary, which does not live: a copy.
  xt::xarray<T> value() const&& { return value(); }
  /// The only element.
  /// Errors: UsageError unless the size is 1.
  T item() const;

  /// Whether gradients are computed for it.
  bool requires_grad() const { return checked("requires_grad").requires_grad; }
  /// Makes this leaf take part in gradients (a parameter), or freezes it.
  /// Errors: UsageError on a result.
  Variable& requires_grad(bool on);
  /// Whether it is not the result of an op.
  bool is_leaf() const { return checked("is_leaf").is_leaf(); }
  /// Whether a gradient has been written since the last zero_grad().
  bool has_grad() const { return checked("has_grad").grad_state == detail::GradState::full; }
  /// The gradient in the same way.
  /// Errors: UsageError where there is none.
  ArrayView<T> grad() const& {
    const detail::GradSlot<T> g = readable_grad();
    return {g.data, shape(), g.run, g.pitch};
  }
  /// Of a temporary: a copy.
  xt::xarray<T> grad() const&& { return grad(); }
  /// Forgets the gradient; the next backward stores instead of adding. Costs nothing.
  void zero_grad();
  /// Keeps the gradient of a result, which is otherwise released during backward.
  Variable& retain_grad();
  /// Calls `hook` on this Variable's gradient in every backward pass, as soon as it is complete and, for a
  /// parameter, before it is added to the stored one. A non-empty result replaces the gradient. Hooks of different
  /// parameters run in the order in which their gradients are complete, while products of others still wait.
  void register_hook(std::function<Variable(const Variable&)> hook);

  /// Adds d(this)/d(leaf) to the gradient of every leaf this was computed from, and releases the tape of that
  /// computation unless `retain`.
  /// Errors: UsageError unless the size is 1, or when a part was released already or a parameter changed
  ///         since.
  void backward(bool retain = false) const;
  /// The same, for Σ seed ⊙ this; seed has this shape.
  void backward(const Variable& seed, bool retain = false) const;

  /// The same value as a constant, without a copy.
  Variable detach() const;
  /// A copy of the value in memory of its own, as a constant.
  Variable copy() const;

  /// Changes the value of a leaf in place: f is given a mutable xtensor adaptor (which must keep its shape).
  /// Results recorded before the change can no longer be run back. What shares the value (detach(), a slice
  /// of a constant) changes with it.
  /// Errors: UsageError on a result, on a slice that is not in one piece, and while a backward pass runs;
  ///         ShapeError for a value of another shape.
  template <class F>
  void update(F&& f) {
    Tensor& t = updatable();
    struct Bump {  // before and after: neither what came before nor what is recorded inside f stays valid
      Tensor& t;
      explicit Bump(Tensor& x) : t(x) { ++t.storage->version; }
      ~Bump() { ++t.storage->version; }
    } const bump(t);
    T* data = t.data;
    auto adaptor = detail::adapt_dense(data, t.shape);
    try {
      f(adaptor);
    } catch (...) {  // xtensor's own words for a new shape lose the shapes
      detail::check_kept(adaptor, t.shape, t.data);
      throw;
    }
    detail::check_kept(adaptor, t.shape, t.data);
  }
  /// How often the value was changed in place.
  std::uint32_t version() const { return checked("version").version(); }

  /// Type, shape and elements, of large arrays the first and last three along each axis, as NumPy shows them:
  /// `Variable<float> (3,) [1, 2.5, 3]`. {fmt} and streams write the same.
  std::string str() const;

  /// For messages; empty unless set_name() or parameters() gave one.
  const std::string& name() const;
  /// Gives it a name.
  Variable& set_name(std::string name);
  /// Whether both are handles to one array.
  bool same_as(const Variable& other) const { return tensor_.get() == other.tensor_.get(); }

  /// The first element; the others follow in row-major order.
  /// Errors: UsageError for a slice that is not in one piece.
  const T* data() const {
    if (!tensor_ || !tensor_->dense()) fail_data();
    detail::HostReads::note(*tensor_, "data");
    return tensor_->data;
  }
  /// The same to write through: a change of the value as by update(), and with its errors. Ask for the pointer again
  /// after ops have read the value: a later change through the old one goes unnoticed.
  T* mutable_data() {
    Tensor& t = updatable();
    ++t.storage->version;
    return t.data;
  }
  /// The array with its place on the tape, for ops.
  Tensor* tensor() const { return tensor_.get(); }
  /// The same, counted.
  const detail::TensorRef<T>& ref() const& { return tensor_; }
  /// The same, given up.
  detail::TensorRef<T> ref() && { return std::move(tensor_); }

 private:
  Tensor& checked(const char* what) const {
    if (!tensor_) raise<UsageError>("Variable::{}: the Variable is empty; assign a value to it first", what);
    return *tensor_;
  }
  [[noreturn]] void fail_data() const;
  const Tensor& readable(const char* what) const;
  detail::GradSlot<T> readable_grad() const;
  Tensor& updatable() const;

  detail::TensorRef<T> tensor_;
};

/// The element type is that of the argument.
template <class E>
requires detail::XtExpression<E> Variable(const E&)
->Variable<typename E::value_type>;
/// The element type is that of the argument.
template <class E>
requires detail::XtExpression<E> Variable(const E&, bool)
->Variable<typename E::value_type>;
/// The element type is that of the argument.
template <class E>
requires detail::Lazy<E> Variable(E&&)
->Variable<typename std::decay_t<E>::value_type>;

/// A leaf that takes part in gradients, with the values of an xtensor expression.
template <class E>
requires detail::XtExpression<E>
auto parameter(const E& expression) { return Variable<typename E::value_type>(expression, true); }

struct GradOptions {
  bool retain_graph = false;  ///< keep the tape for another pass (implied by create_graph)
  bool create_graph = false;  ///< record the pass, so that its results can be differentiated again
};
/// The gradients of Σ outputs (each of size 1, or weighted by its seed) with respect to `inputs`.
/// Stored gradients are neither read nor changed. An input that the outputs do not depend on gets zeros.
/// Errors: UsageError for outputs none of which depends on anything that requires a gradient: computed inside NoGrad,
///         of constants, or by a grad() without create_graph. Of functions that may be constant, or linear when they are
///         differentiated twice, vjp(), hvp() and jacobian() give zeros.
template <class T>
std::vector<Variable<T>> grad(const std::vector<Variable<T>>& outputs, const std::vector<Variable<T>>& inputs,
                              const GradOptions& options = {}, const std::vector<Variable<T>>& seeds = {});
/// The same for one output and one input.
template <class T>
Variable<T> grad(const Variable<T>& output, const Variable<T>& input, const GradOptions& options = {}) {
  return grad(std::vector<Variable<T>>{output}, {input}, options)[0];
}

extern template class Variable<float>;
extern template class Variable<double>;

}  // namespace unroll
