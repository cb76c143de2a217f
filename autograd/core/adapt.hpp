#pragma once  // internal
/// \file Arrays in xtensor's terms.

#include <algorithm>
#include <type_traits>
#include <utility>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/shape.hpp"
#include "unroll/autograd/xtensor.hpp"

namespace unroll::detail {

/// Extents and strides of a tensor in xtensor's terms.
xt::svector<std::size_t> xt_shape(const Shape& shape);
xt::svector<std::ptrdiff_t> xt_strides(const Shape& shape, index_t run, index_t pitch);

template <class P>
auto adapt_strided(P data, const Shape& shape, index_t run, index_t pitch) {
  // xtensor insists on the number of elements here, although the last of them lies further on.
  return xt::adapt(std::move(data), static_cast<std::size_t>(shape.size()), xt::no_ownership(),
                   xt_shape(shape), xt_strides(shape, run, pitch));
}
template <class P>
auto adapt_dense(P data, const Shape& shape) {
  return xt::adapt<xt::layout_type::row_major>(std::move(data), static_cast<std::size_t>(shape.size()),
                                               xt::no_ownership(), xt_shape(shape));
}

/// What ArrayView stands on.
template <class T>
using ConstAdaptor =
    decltype(adapt_strided(std::declval<const T*>(), std::declval<const Shape&>(), index_t(), index_t()));

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
concept Lazy = is_lazy<std::decay_t<E>>::value;

template <class E, class T>
concept LazyOf = Lazy<E> && std::is_same_v<typename std::decay_t<E>::value_type, T>;

/// The type of a parameter that takes no part in the deduction of T, and so accepts what converts to it.
template <class T>
using Same = std::type_identity_t<T>;

}  // namespace unroll::detail
