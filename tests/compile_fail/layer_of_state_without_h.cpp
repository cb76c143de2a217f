// The state of a layer names its output.
#include <unroll/layers/recurrent.hpp>

using V = unroll::Variable<float>;

struct CellState {
  V hidden;
  template <class F>
  void visit(F&& f) {
    f("hidden", hidden);
  }
};

struct Cell {
  using State = CellState;
  Cell(unroll::index_t, unroll::index_t, bool, unroll::Generator&) {}
  unroll::index_t hidden_size() const { return 2; }
  State step(const V& x, const State&) const { return {x}; }
  void visit(auto&&) {}
};

#if CASE == 1  // a state has a member h, the output of its cell, or output
int main() {
  const unroll::Recurrent<Cell> rnn(2, 2);
  rnn(V({5, 1, 2}, 0.0F));
}
#endif
