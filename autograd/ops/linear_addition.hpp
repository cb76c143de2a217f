#pragma once  // internal
/// \file Which sums linear() takes part in.

#include "unroll/autograd/variable.hpp"

namespace unroll {

template <class T>
class LinearSum;

namespace detail {

template <class T>
struct is_lazy<LinearSum<T>> : std::true_type {};

template <class X>
struct is_linear : std::false_type {};
template <class T>
struct is_linear<LinearSum<T>> : std::true_type {};
template <class X>
struct is_variable : std::false_type {};
template <class T>
struct is_variable<Variable<T>> : std::true_type {};

/// A linear() that nobody has named may be merged into a sum.
template <class X>
concept FreshLinear = !std::is_reference_v<X> && is_linear<std::decay_t<X>>::value;
template <class A, class B>
concept LinearAddition = (FreshLinear<A> && (FreshLinear<B> || is_variable<std::decay_t<B>>::value)) ||
                         (FreshLinear<B> && is_variable<std::decay_t<A>>::value);

}  // namespace detail
}  // namespace unroll
