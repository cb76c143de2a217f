#pragma once  // internal
/// \file Arrays in xtensor's terms.

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/shape.hpp"
#include "unroll/autograd/xtensor.hpp"

namespace unroll::detail {

/// Extents in xtensor's terms.
xt::dynamic_shape<std::size_t> xt_shape(const Shape& shape);

template <class P>
auto adapt_dense(P data, const Shape& shape) {
  return xt::adapt<xt::layout_type::row_major>(std::move(data), static_cast<std::size_t>(shape.size()),
                                               xt::no_ownership(), xt_shape(shape));
}

/// What ArrayView stands on.
template <class T>
using ConstAdaptor = decltype(adapt_dense(std::declval<const T*>(), std::declval<const Shape&>()));

/// Elements in one piece: where they lie, or else a copy. Pieces of `run` elements begin `pitch` elements apart.
template <class T>
class InOnePiece {
 public:
  InOnePiece(const T* data, index_t size, index_t run, index_t pitch) : first_(data) {
    if (run >= size || run == pitch) return;
    const auto copy = std::make_shared<std::vector<T>>();
    copy->reserve(static_cast<std::size_t>(size));
    for (index_t i = 0; i < size; i += run, data += pitch) copy->insert(copy->end(), data, data + run);
    first_ = copy->data();
    copy_ = copy;
  }
  const T* first() const { return first_; }

 private:
  std::shared_ptr<const std::vector<T>> copy_;
  const T* first_;
};

/// For a static_assert that fails where a template is used.
template <class>
inline constexpr bool never = false;

/// What:   checks, after update() of an array with this shape and its values at `data`, that it still has both.
/// Errors: ShapeError where the function gave the adaptor another shape, or made it refer to something else.
template <class A>
void check_kept(const A& adaptor, const Shape& shape, const void* data) {
  const bool same_shape = std::ranges::equal(adaptor.shape(), xt_shape(shape));
  if (!same_shape || adaptor.data() != data)
    raise<ShapeError>("update: the new value must keep the shape {}", shape.str());
}

template <class E>
concept XtExpression = xt::is_xexpression<std::decay_t<E>>::value;

template <class E>
struct is_lazy : std::false_type {};
/// An op result that becomes a Variable when one is asked for: fused expressions and linear.
template <class E>
concept Lazy = is_lazy<std::remove_cvref_t<E>>::value;

template <class E, class T>
concept LazyOf = Lazy<E> && std::is_same_v<typename std::decay_t<E>::value_type, T>;

/// The type of a parameter that takes no part in the deduction of T, and so accepts what converts to it.
template <class T>
using Same = std::type_identity_t<T>;

}  // namespace unroll::detail
