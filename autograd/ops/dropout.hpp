#pragma once
/// \file Dropout.

#include "unroll/autograd/random.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   each element is 0 with probability p, else x / (1 − p); the mask is a function of `key` and of the
///         element's number alone. With p = 0 it is x itself.
/// Shapes: x → the same.
/// Range:  p in 0 … 1.
/// Errors: UsageError otherwise.
/// Cost:   backward computes the mask again; nothing is stored.
/// Source: Srivastava et al. 2014, in the inverted form.
template <class T>
Variable<T> dropout(const Variable<T>& x, double p, const RandomKey& key);

/// The same for expressions.
template <detail::Lazy E>
auto dropout(E&& x, double p, const RandomKey& key) {
  return dropout(Variable(std::forward<E>(x)), p, key);
}

}  // namespace unroll
