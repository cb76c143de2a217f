// The lambda given to fuse() computes element by element.
#include "unroll/unroll.hpp"

using namespace unroll;
using V = Variable<float>;

void use(V x, V w) {
  V y = fuse([](auto a, auto b) { return a * b; }, x, w);
#if CASE == 1  // a reduction or another Variable cannot be part of it
  V z = fuse([](auto a) { return sum(a); }, x);
#endif
#if CASE == 2  // a reduction or another Variable cannot be part of it
  V z = fuse([](auto a) { return a / sum(exp(a), -1); }, x);
#endif
#if CASE == 3  // a reduction or another Variable cannot be part of it
  V z = fuse([&](auto a) { return a * w; }, x);
#endif
#if CASE == 4  // a reduction or another Variable cannot be part of it
  auto [s, t] = fuse([](auto a) { return std::tuple(a, softmax(a)); }, x);
#endif
}
