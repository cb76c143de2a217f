// What is differentiated returns Variables, not a struct of them.
#include "unroll/unroll.hpp"

using namespace unroll;
using D = Variable<double>;

void use(const LstmCell<double>& cell, D x, D h, D c) {
  const auto state = [&](const auto& in) { return cell.step(in[0], {in[1], in[2]}); };
  gradcheck(cell,
            [&](const auto& in) {
              const auto s = state(in);
              return std::vector{s.h, s.c};
            },
            {x, h, c});
#if CASE == 1  // of a struct, such as a state, list the members: return std::vector.s.h, s.c.
  gradcheck(state, {x, h, c});
#endif
#if CASE == 2  // of a struct, such as a state, list the members: return std::vector.s.h, s.c.
  gradcheck(cell, state, {x, h, c});
#endif
#if CASE == 3  // of a struct, such as a state, list the members: return std::vector.s.h, s.c.
  jacobian(state, std::vector<D>{x, h, c});
#endif
#if CASE == 4  // gradcheck needs a module of double
  gradgradcheck(LstmCell<float>(2, 3), [&](const auto& in) { return in[0]; }, {x});
#endif
}
