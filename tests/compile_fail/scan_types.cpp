// What scan runs: a const step, for the types of the input and of the state.
#include "unroll/unroll.hpp"

using namespace unroll;
using V = Variable<float>;
using D = Variable<double>;

struct Cell {
  V step(const V& x, const V& h) const { return x + h; }
};
struct ChangingCell {
  int steps = 0;
  V step(const V& x, const V& h) { return ++steps, x + h; }
  index_t hidden_size() const { return 2; }
};

void use(V x, V h, D xd, D hd) {
  scan(Cell{}, x, h);
#if CASE == 1  // which must be const
  scan(ChangingCell{}, x, h);
#endif
#if CASE == 2  // which must be const
  scan(ChangingCell{}, x);
#endif
#if CASE == 3  // float and double Variables do not mix
  scan(Cell{}, xd, h);
#endif
#if CASE == 4  // for the types of xs and of the state
  scan(Cell{}, xd, hd);
#endif
#if CASE == 5  // for the types of xs and of the state
  scan([](const D& a, const D& b) -> D { return a + b; }, x, h);
#endif
#if CASE == 6  // begins with a state that is given
  scan(Cell{}, x);
#endif
#if CASE == 7  // begins with a state that is given
  scan([](const V& a, const V& b) -> V { return a + b; }, x, {.reverse = true});
#endif
#if CASE == 8  // begins with a state that is given
  Rtrl rtrl(Cell{}, initial_state(Cell{}, 3), {h});
#endif
#if CASE == 9  // float and double Variables do not mix
  scan(LstmCell<double>(2, 3), x);
#endif
}
