// A module shows its members.
#include "unroll/unroll.hpp"

using namespace unroll;

struct Model {
  Variable<float> w;
};
struct Hidden {
  Variable<float> w;

 private:
  void visit(auto&& v) { v("w", w); }
};

void use(const Model& model, const Hidden& hidden) {
#if CASE == 1  // parameters takes a module: a struct that can be copied and that shows its members
  Adam adam(parameters(model));
#endif
#if CASE == 2  // parameters takes a module: a struct that can be copied and that shows its members
  for (auto& p : parameters(hidden)) p.variable.zero_grad();
#endif
}
