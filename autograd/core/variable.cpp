#include "unroll/autograd/variable.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll {
namespace detail {

xt::dynamic_shape<std::size_t> xt_shape(const Shape& shape) {
  xt::dynamic_shape<std::size_t> s(static_cast<std::size_t>(shape.rank()));
  std::transform(shape.begin(), shape.end(), s.begin(),
                 [](index_t e) { return static_cast<std::size_t>(e); });
  return s;
}

template <class T>
void copy_dense(const Tensor<T>& from, T* to) {
  current_traffic.copied += bytes_of<T>(from.shape.size());
  for (index_t r = 0; r < from.runs(); ++r)
    std::copy_n(from.data + r * from.pitch, from.run, to + r * from.run);
}

}  // namespace detail

template <class T>
Variable<T>::Variable(T scalar) : Variable(Shape{}, scalar) {}

template <class T>
Variable<T>::Variable(const Shape& shape, T fill) : Variable(uninitialised(shape)) {
  std::fill_n(tensor_->data, shape.size(), fill);
}

template <class T>
void Variable<T>::fail_data() const {
  checked("data");
  raise<UsageError>("Variable::data: a slice {} that is not in one piece; use value(), or data() of dense(x)",
                    detail::name_and_shape(*tensor_));
}

template <class T>
const detail::Tensor<T>& Variable<T>::readable(const char* what) const {
  Tensor& t = checked(what);
  if (t.consumed) restore(t);
  detail::HostReads::note(t, what);
  return t;
}

template <class T>
T Variable<T>::item() const {
  const Tensor& t = readable("item");
  if (t.shape.size() != 1) raise<UsageError>("item: need an array of one element; got {}", t.shape.str());
  return t.data[0];
}

template <class T>
Variable<T>& Variable<T>::requires_grad(bool on) {
  Tensor& t = checked("requires_grad");
  if (!t.is_leaf()) {
    raise<UsageError>("requires_grad: only leaves can be set; this is the result of {}; detach() it first",
                      t.creator->name());
  }
  if (on && !t.dense()) *this = copy();
  tensor_->requires_grad = on;
  return *this;
}

template <class T>
detail::GradSlot<T> Variable<T>::readable_grad() const {
  const Tensor& t = checked("grad");
  if (t.grad_state != detail::GradState::full) {
    const bool named = t.extras && !t.extras->name.empty();
    raise<UsageError>("grad: {}{} has no gradient; {}", named ? t.extras->name + " " : "", t.shape.str(),
                      t.is_leaf() ? "call requires_grad(true) and backward() first"
                                  : "call retain_grad() on this result before backward()");
  }
  return detail::grad_layout(t);
}

template <class T>
void Variable<T>::zero_grad() {
  Tensor& t = checked("zero_grad");
  if (t.is_leaf()) {
    t.grad_state = detail::GradState::none;
  } else {
    detail::clear_grad(t);
  }
}

template <class T>
Variable<T>& Variable<T>::retain_grad() {
  checked("retain_grad").retain_grad = true;
  return *this;
}

template <class T>
void Variable<T>::register_hook(std::function<Variable(const Variable&)> hook) {
  Tensor& t = checked("register_hook");
  if (!t.requires_grad)
    raise<UsageError>("register_hook: {} has no gradient; call requires_grad(true) first", t.shape.str());
  if (!hook) raise<UsageError>("register_hook: the function is empty");
  if (t.consumed)
    raise<UsageError>("register_hook: the value was given up to the next op; register the hook before it");
  t.extra().hooks.push_back(std::move(hook));
}

template <class T>
void Variable<T>::backward(bool retain) const {
  const Tensor& t = checked("backward");
  if (t.shape.size() != 1) {
    raise<UsageError>(
        "backward: need a scalar; got {}; give a seed of that shape, or take a sum or mean first",
        t.shape.str());
  }
  backward(Variable(t.shape, T{1}), retain);
}

template <class T>
void Variable<T>::backward(const Variable& seed, bool retain) const {
  const Tensor& t = checked("backward");
  if (!seed) detail::fail_empty("backward", 0);
  if (seed.shape() != t.shape) {
    raise<ShapeError>("backward: the seed must have the shape {}; got {}", t.shape.str(), seed.shape().str());
  }
  if (!t.requires_grad) {
    raise<UsageError>(
        "backward: {} does not depend on anything that requires a gradient; call requires_grad(true) on "
        "the parameters, outside NoGrad; a gradient is differentiable if grad() was given create_graph = "
        "true",
        t.shape.str());
  }
  const Variable from[] = {seed};
  const detail::TensorRef<T> root[] = {tensor_};
  detail::Tape<T>::local().backward(root, from, {.retain = retain, .create_graph = false, .wanted = {}});
}

template <class T>
Variable<T> Variable<T>::detach() const {
  const Tensor& t = readable("detach");
  return Variable(Tensor::alias(t.storage, t.data, t.shape, t.run, t.pitch));
}

template <class T>
Variable<T> Variable<T>::copy() const {
  const Tensor& t = readable("copy");
  Variable c = uninitialised(t.shape);
  detail::copy_dense(t, c.tensor()->data);
  return c;
}

template <class T>
detail::Tensor<T>& Variable<T>::updatable() const {
  Tensor& t = checked("update");
  detail::HostReads::note_change();
  if (!t.is_leaf()) {
    raise<UsageError>("update: {} is the result of {}; only leaves can be changed; detach().copy() it first",
                      t.shape.str(), t.creator->name());
  }
  const bool shared = t.refs > 1 || t.storage->refs > 1;  // a new array is no part of the pass that makes it
  if (shared && detail::Tape<T>::local().running())
    raise<UsageError>("update: a backward pass is running; change values after it");
  if (!t.dense())
    raise<UsageError>("update: {} is a view of another array; change that one, or copy() this",
                      t.shape.str());
  return t;
}

template <class T>
const std::string& Variable<T>::name() const {
  static const std::string none;
  const Tensor& t = checked("name");
  return t.extras ? t.extras->name : none;
}

template <class T>
Variable<T>& Variable<T>::set_name(std::string name) {
  checked("set_name").extra().name = std::move(name);
  return *this;
}

UNROLL_COMPILE_TYPES(class Variable)
UNROLL_COMPILE_FUNCTIONS(detail::copy_dense)

}  // namespace unroll
