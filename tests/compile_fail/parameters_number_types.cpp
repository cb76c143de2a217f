// So are modules that are optimised together.
#include <unroll/layers/linear_layer.hpp>
#include <unroll/layers/module.hpp>

#if CASE == 1  // parameters: the modules must have the same number type
int main() {
  unroll::Linear<double> a(2, 1);
  unroll::Linear<float> b(2, 1);
  parameters(a, b);
}
#endif
