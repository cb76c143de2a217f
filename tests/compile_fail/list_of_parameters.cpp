// Optimisers and clipping take a list of parameters.
#include "unroll/unroll.hpp"

using namespace unroll;

void use(const Lstm<>& model) {
  Adam adam(parameters(model), {.lr = 1e-2});
  clip_grad_norm(parameters(model), 1);
#if CASE == 1  // write parameters.model
  Adam other(model);
#endif
#if CASE == 2  // write parameters.model
  Sgd other(model, {.lr = 1e-2});
#endif
#if CASE == 3  // write parameters.model
  adam.add_group(model);
#endif
#if CASE == 4  // write parameters.model
  const double norm = clip_grad_norm(model, 1);
#endif
#if CASE == 5  // write parameters.model
  clip_grad_value(model, 1);
#endif
#if CASE == 6  // write parameters.model
  auto chosen = make_optimizer("adam", model, 1e-3);
#endif
#if CASE == 7  // write parameters.model
  RmsProp other(model);
  AdamW another(model);
  Adagrad third(model);
  Adadelta fourth(model);
#endif
}
