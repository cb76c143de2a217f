// An optimiser and its parameters are of one number type.
#include <unroll/layers/linear_layer.hpp>
#include <unroll/layers/module.hpp>
#include <unroll/optim/adam.hpp>

#if CASE == 1  // an optimiser must have the number type of its parameters
int main() {
  unroll::Linear<double> model(2, 1);
  unroll::Adam<float> adam(parameters(model));
}
#endif
