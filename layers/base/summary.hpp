#pragma once
/// \file A printed summary of a module.

#include "unroll/layers/module.hpp"

namespace unroll {

namespace detail {
template <class T>
std::string summary_of(const Members<T>& members);
}

/// What:   a table with a line for each parameter: name, shape, number of elements, multiply-adds for one
///         time step of one sequence, and for the modules that carry state its size; then totals.
/// Buffers are marked, and their elements counted in a line of their own.
/// Multiply-adds are the number of elements of each parameter of rank 2 or more (of a matrix (O, I), O·I; of K matrices
/// for matmul, K·O·I), where a module does not say otherwise; see Module. Products of two results, as in attention, are
/// not seen: a module that has them says so by multiply_adds(). A tied parameter is listed at every place of use and
/// counted once, but multiplied at each.
template <Module M>
std::string summary(const M& module) {
  return detail::summary_of(detail::members(module, true));
}

}  // namespace unroll
