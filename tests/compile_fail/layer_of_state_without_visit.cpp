// The state of a layer shows its members.
#include <unroll/layers/recurrent.hpp>

using V = unroll::Variable<float>;

struct CellState {
  V h;
};

struct Cell {
  using State = CellState;
  Cell(unroll::index_t, unroll::index_t, bool, unroll::Generator&) {}
  unroll::index_t hidden_size() const { return 2; }
  State step(const V& x, const State&) const { return {x}; }
  void visit(auto&&) {}
};

#if CASE == 1  // a state is a Variable, or a struct whose .template .class V. void visit
int main() {
  const unroll::Recurrent<Cell> rnn(2, 2);
  rnn(V({5, 1, 2}, 0.0F));
}
#endif
