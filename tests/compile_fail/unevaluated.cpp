// An expression is no Variable yet.
#include "unroll/unroll.hpp"

using namespace unroll;
using V = Variable<float>;

void use(V a, V b, V w) {
  auto y = a * b;
  V computed = y;
  computed.backward();
  V constant = maximum(a, b).detach(), other = linear(a, w).detach();
  auto z = linear(a, w);
#if CASE == 1  // make a Variable of it first
  y.backward();
#endif
#if CASE == 2  // make a Variable of it first
  y.value();
#endif
#if CASE == 3  // make a Variable of it first
  float f = y.item();
#endif
#if CASE == 4  // make a Variable of it first
  Shape s = y.shape();
#endif
#if CASE == 5  // make a Variable of it first
  y += b;
#endif
#if CASE == 6  // make a Variable of it first
  y.grad();
#endif
#if CASE == 7  // make a Variable of it first
  z.backward();
#endif
#if CASE == 8  // make a Variable of it first
  xt::xarray<float> copy = z.value();
#endif
#if CASE == 9  // make a Variable of it first
  (a + b).backward();
#endif
#if CASE == 10  // the arrays of a list are Variables
  V c = concat({a * b, a * b}, 1);
#endif
#if CASE == 11  // the arrays of a list are Variables
  V c = stack(std::vector{a * b});
#endif
}
