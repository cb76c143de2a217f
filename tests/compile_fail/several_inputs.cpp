// Cells of several inputs: how scan and layers are called.
#include "unroll/unroll.hpp"

using namespace unroll;
using V = Variable<float>;

struct TimedCell {
  using State = HiddenState<float>;
  V w;
  State step(const V& x, const V& dt, const State& s) const { return {dt * s.h + w * x}; }
  index_t hidden_size() const { return 2; }
  template <class Visitor>
  void visit(Visitor&& v) {
    v("w", w);
  }
};
struct BareCell : TimedCell {
  using State = V;
  State step(const V& x, const V& dt, const State& h) const { return dt * h + w * x; }
};

void use(V x, V dt) {
  const auto make = [](index_t) { return TimedCell{}; };
  const Recurrent<TimedCell> net(2, make);
  scan(TimedCell{}, std::tuple{x, dt});
  net(x, dt, {.lengths = {1}});
  stream(net, 2).step(x, 2 * dt);
#if CASE == 1  // one argument for each input
  scan(TimedCell{}, std::tuple{x, dt, dt});
#endif
#if CASE == 2  // could else mean a state
  Recurrent<BareCell> bare(2, [](index_t) { return BareCell{}; });
#endif
#if CASE == 3  // no match for call
  net(x, dt, dt);
#endif
}
