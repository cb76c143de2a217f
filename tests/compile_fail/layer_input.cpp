// What a layer is called with.
#include "unroll/unroll.hpp"

using namespace unroll;
using V = Variable<float>;
using D = Variable<double>;

void use(V x, D xd, const Indices& lengths, std::vector<std::int64_t> numbers) {
  const Gru<> gru(2, 3);
  const Lstm<> lstm(2, 3);
  const AnyRecurrent<float> any = gru;
  auto [y, h] = gru(x, {.lengths = lengths});
  gru(x, xt::zeros<float>({1, 1, 3}));
#if CASE == 1  // float and double Variables do not mix
  auto [yd, hd] = gru(xd);
#endif
#if CASE == 2  // float and double Variables do not mix
  auto [yd, hd] = lstm(xd, {.lengths = lengths});
#endif
#if CASE == 3  // float and double Variables do not mix
  any(xd);
#endif
#if CASE == 4  // float and double Variables do not mix
  V z = Linear<>(2, 3)(xd);
#endif
#if CASE == 5  // float and double Variables do not mix
  V z = LayerNorm<>(2)(xd);
#endif
#if CASE == 6  // lengths are an option: rnn.x, ..lengths = lengths..
  auto [yl, hl] = gru(x, lengths);
#endif
#if CASE == 7  // lengths are an option: rnn.x, ..lengths = lengths..
  lstm(x, numbers);
#endif
#if CASE == 8  // lengths are an option: rnn.x, ..lengths = lengths..
  any(x, lengths);
#endif
}
