// Gradients are checked in double.
#include "unroll/unroll.hpp"

using namespace unroll;
using V = Variable<float>;
using D = Variable<double>;

struct Model {
  D w;
  void visit(auto&& v) { v("w", w); }
};

void use(const Model& model, D xd, V x) {
  const auto f = [](const auto& in) { return tanh(in[0]); };
  gradcheck(f, {xd});
  gradcheck(f, {});
#if CASE == 1  // a struct of your own says that it is one by .using value_type = double;
  gradcheck(model, [&] { return tanh(model.w); });
#endif
#if CASE == 2  // a struct of your own says that it is one by .using value_type = double;
  gradcheck(model, f, {xd});
#endif
#if CASE == 3  // gradcheck needs Variable<double> and a cell or module of double
  const std::vector<V> inputs{x};
  gradcheck(GruCell<float>(2, 3), f, inputs);
#endif
#if CASE == 4  // gradcheck needs Variable<double> and a cell or module of double
  gradcheck(GruCell<float>(2, 3), f, {x});
#endif
#if CASE == 5  // gradcheck needs Variable<double> and a cell or module of double
  gradcheck(f, {x});
#endif
#if CASE == 6  // gradcheck needs Variable<double> and a cell or module of double
  gradcheck(f, std::vector{x, x});
#endif
}
