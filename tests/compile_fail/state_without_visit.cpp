// A state under scan shows its members.
#include <unroll/layers/scan.hpp>

using V = unroll::Variable<float>;

struct State {
  V h, c;
};

#if CASE == 1  // a state is a Variable, or a struct whose .template .class V. void visit
int main() {
  const auto step = [](const V& x, const State& s) { return State{x, s.c}; };
  unroll::scan(step, V({5, 1, 2}, 0.0F), State{V({1, 2}, 0.0F), V({1, 2}, 0.0F)});
}
#endif
