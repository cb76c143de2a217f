// A layer asks for its parameters.
#include <unroll/autograd/functions.hpp>
#include <unroll/layers/recurrent.hpp>

using V = unroll::Variable<float>;

struct Cell {
  using State = V;
  V w;
  Cell(unroll::index_t input, unroll::index_t hidden, bool, unroll::Generator&) : w({hidden, input}, 0.0F) {}
  unroll::index_t hidden_size() const { return w.shape()[0]; }
  State step(const V& x, const State& h) const { return h + linear(x, w); }
};

#if CASE == 1  // the cell of a layer needs .template .class V. void visit
int main() {
  const unroll::Recurrent<Cell> rnn(2, 3);
  rnn(V({5, 1, 2}, 0.0F));
}
#endif
