#include "autograd/compiled.hpp"

#include <algorithm>
#include <cmath>

#include "autograd/reduce.hpp"

namespace unroll::detail {
template <class T>
Variable<T> absorb(const Variable<T>& d, const Variable<T>& g) {
  const bool finite = std::all_of(g.data(), g.data() + g.size(), [](T x) { return std::isfinite(x); });
  if (finite || d.shape() != g.shape()) return g;
  auto keep = Variable<T>::uninitialised(g.shape());
  for (index_t i = 0; i < g.size(); ++i)
    keep.data()[i] = d.data()[i] != T{0} || std::isfinite(g.data()[i]) ? T{1} : T{0};
  return apply_compiled(ScalarOp::where, {keep, g, Variable<T>(T{0})});
}

template <class T>
Variable<T> fit_to(const Variable<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.size() == 1 && x.rank() <= shape.rank()) {
    return apply_compiled(ScalarOp::add, {x, Variable<T>(shape, T{0})});
  }
  return sum_to(x, shape);
}

#define UNROLL_INSTANTIATE(T)                                          \
  template Variable<T> absorb(const Variable<T>&, const Variable<T>&); \
  template Variable<T> fit_to(const Variable<T>&, const Shape&);
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace unroll::detail
