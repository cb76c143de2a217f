// an optimiser must have the number type of its parameters
#include <unroll/layers/linear_layer.hpp>
#include <unroll/layers/module.hpp>
#include <unroll/optim/adam.hpp>

int main() {
  unroll::Linear<double> model(2, 1);
  unroll::Adam<float> adam(parameters(model));
}
