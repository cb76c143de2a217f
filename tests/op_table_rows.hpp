#pragma once
/// \file What the rows of array ops are written with.

#include <numeric>

#include "op_table.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"

namespace unroll::tests {

using V = Variable<double>;
using Ps = std::vector<Plain>;

template <ArrayOp op>
using Tag = std::integral_constant<ArrayOp, op>;
#define UNROLL_DECLARE(name) Row row_of(Tag<ArrayOp::name>);
UNROLL_ARRAY_OPS(UNROLL_DECLARE)
#undef UNROLL_DECLARE

inline V in(const Shape& shape, std::uint64_t seed = 1, double low = -1, double high = 1) {
  return random_parameter(shape, seed, low, high);
}
inline V constant(const Shape& shape, std::uint64_t seed, double low, double high) {
  return in(shape, seed, low, high).detach();
}

/// The interpreter of the random programs as reference.
inline auto plain(Do what, std::vector<index_t> numbers = {}, std::size_t result = 0) {
  return [=](const Ps& xs) {
    Instruction step{what, {}, numbers};
    for (std::size_t k = 0; k < xs.size(); ++k) step.in.push_back(k);
    return interpret(step, xs)[result];
  };
}

inline Plain right_half(const Plain& x) {
  return interpret({Do::chunk, {0}, {x.shape.rank() - 1, 2}}, {x})[1];
}

/// Folds slices over `axes`: f is given all elements of one slice.
template <class F>
auto folded(const Axes& axes, bool keepdims, F f) {
  return [=](const Ps& xs) {
    const Plain& x = xs[0];
    const Shape kept = unroll::detail::kept_shape("reference", x.shape, axes);
    std::vector<std::vector<double>> slices(static_cast<std::size_t>(kept.size()));
    for (index_t i = 0; i < x.shape.size(); ++i)
      slices[static_cast<std::size_t>(ravel(kept, unravel(x.shape, i)))].push_back(x[i]);
    Plain y(keepdims ? kept : unroll::detail::dropped_shape(x.shape, axes));
    for (std::size_t k = 0; k < slices.size(); ++k) y.x[k] = f(slices[k]);
    return y;
  };
}

/// Replaces the slices along `axis`: f changes one slice in place, given its number.
template <class F>
Plain along(const Plain& x, int axis, F f) {
  Plain y = x;
  const Shape kept = x.shape.with(axis < 0 ? axis + x.shape.rank() : axis, 1);
  std::vector<std::vector<index_t>> places(static_cast<std::size_t>(kept.size()));
  for (index_t i = 0; i < x.shape.size(); ++i)
    places[static_cast<std::size_t>(ravel(kept, unravel(x.shape, i)))].push_back(i);
  for (std::size_t s = 0; s < places.size(); ++s) {
    std::vector<double> slice;
    for (index_t i : places[s]) slice.push_back(x[i]);
    f(slice, s);
    for (std::size_t k = 0; k < slice.size(); ++k) y[places[s][k]] = slice[k];
  }
  return y;
}

/// An expression, computed.
template <class E>
auto as_variable(E&& expression) {
  return Variable(std::forward<E>(expression));
}

inline double log_sum(const std::vector<double>& x) {
  double sum = 0;
  for (double v : x) sum += std::exp(v);
  return std::log(sum);
}

}  // namespace unroll::tests
