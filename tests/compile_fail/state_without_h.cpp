// A state under scan names its output.
#include <unroll/layers/scan.hpp>

using V = unroll::Variable<float>;

struct State {
  V hidden;
  template <class F>
  void visit(F&& f) {
    f("hidden", hidden);
  }
};

#if CASE == 1  // a state has a member h, the output of its cell, or output
int main() {
  const auto step = [](const V& x, const State&) { return State{x}; };
  unroll::scan(step, V({5, 1, 2}, 0.0F), State{V({1, 2}, 0.0F)});
}
#endif
