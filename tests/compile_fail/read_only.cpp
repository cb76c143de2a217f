// Values and gradients are read-only.
#include "unroll/unroll.hpp"

using namespace unroll;
using V = Variable<float>;

void use(V a, const V& b) {
  xt::xarray<float> sum = a.value() + b.grad();
  a.update([&](auto& v) { v -= 0.1F * b.value(); });
  a.mutable_data()[0] = 1;
#if CASE == 1  // change a Variable by update
  a.value() = sum;
#endif
#if CASE == 2  // change a Variable by update
  a.value() = b.value();
#endif
#if CASE == 3  // change a Variable by update
  a.grad() += 1;
#endif
#if CASE == 4  // read-only|const
  a.value()(0) = 1;
#endif
#if CASE == 5  // read-only|const
  a.data()[0] = 1;
#endif
#if CASE == 6  // const
  b.mutable_data();
#endif
}
