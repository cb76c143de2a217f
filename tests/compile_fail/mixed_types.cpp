// float and double do not mix.
#include "unroll/unroll.hpp"

using namespace unroll;

void use(Variable<float> f, Variable<double> d) {
  Variable<double> converted(f.value());
#if CASE == 1  // float and double Variables do not mix
  Variable<float> y = f * d;
#endif
#if CASE == 2  // float and double Variables do not mix
  auto y = tanh(f) + d;
#endif
#if CASE == 3  // float and double Variables do not mix
  auto y = matmul(f, d);
#endif
#if CASE == 4  // float and double Variables do not mix
  Variable<float> y = linear(f, f, d);
#endif
#if CASE == 5  // float and double Variables do not mix
  auto y = linear(f, f) + d;
#endif
#if CASE == 6  // float and double Variables do not mix
  mse(f * f, d);
#endif
#if CASE == 7  // float and double Variables do not mix
  Variable<float> y = fuse([](auto a, auto b) { return a * b; }, f, d);
#endif
}
