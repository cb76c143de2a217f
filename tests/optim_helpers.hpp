#pragma once
/// \file Parameters with gradients of one's choice.

#include <vector>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"

namespace unroll::tests {

template <class T>
void set_grad(Variable<T> p, const std::vector<double>& gradient) {
  p.zero_grad();
  sum(p * row<T>(gradient).detach()).backward();
}

}  // namespace unroll::tests
