#pragma once  // internal
/// \file grad() for outputs that may be constants.

#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll::detail {

/// What:   grad(), but with zeros where no output depends on anything that requires a gradient: for derivatives of
///         functions, which may be constant, or linear when they are differentiated twice.
/// Errors: the others of grad().
template <class T>
std::vector<Variable<T>> grad_or_zeros(const std::vector<Variable<T>>& outputs,
                                       const std::vector<Variable<T>>& inputs,
                                       const GradOptions& options = {},
                                       const std::vector<Variable<T>>& seeds = {});

}  // namespace unroll::detail
