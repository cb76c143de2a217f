#pragma once
/// \file New arrays: constants, or parameters after requires_grad(true).
///
///     Generator rng(1);
///     Variable w = randn<float>({3, 4}, rng).requires_grad(true);

#include <type_traits>

#include "unroll/autograd/random.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What: every element 0.
template <class T>
Variable<T> zeros(const Shape& shape);

/// What: every element 1.
template <class T>
Variable<T> ones(const Shape& shape);

/// What: every element `fill`.
template <class T>
Variable<T> full(const Shape& shape, std::type_identity_t<T> fill);

/// What: independent elements of the normal distribution with this mean and standard deviation.
template <class T>
Variable<T> randn(const Shape& shape, Generator& generator, double mean = 0, double deviation = 1);

/// What: independent elements, uniform in [low, high).
template <class T>
Variable<T> uniform(const Shape& shape, Generator& generator, double low = 0, double high = 1);

/// What:   begin, begin + step, begin + 2 step, … as long as they are before `end`.
/// Shapes: (⌈(end − begin) / step⌉,), (0,) where the step leads away from the end.
/// Errors: UsageError where the number of elements is not finite.
template <class T>
Variable<T> arange(std::type_identity_t<T> begin, std::type_identity_t<T> end,
                   std::type_identity_t<T> step = 1);

/// What: 0, 1, 2, … before `end`.
template <class T>
Variable<T> arange(std::type_identity_t<T> end) {
  return arange<T>(0, end);
}

}  // namespace unroll
