#pragma once  // internal
/// \file Deliberate faults in gradients, for the check that the tests would notice (UNROLL_MUTANTS builds).

#include <array>
#include <cstddef>
#include <string>

#include "unroll/detail/config.hpp"

namespace unroll::detail {

/// `shifted`: each element gets what belongs to the next one, as by a wrong axis or stride; `thinned`: every other
/// element gets nothing, as by a missing term; `detached`: of a recorded gradient, no derivative goes on.
enum class Fault { none, sign, permille, dropped, store, shifted, thinned, detached };

#if UNROLL_MUTANTS

/// The one fault that is switched on. Scalar ops are named by their number, others by their name.
struct Mutation {
  Fault fault = Fault::none;
  int scalar_op = -1;
  std::string op;
  std::size_t argument = 0;
  bool recorded = false;  ///< of the gradient recorded for higher derivatives, not of the plain one
};
extern thread_local Mutation mutation;

template <class Op, class Num, std::size_t n>
inline __attribute__((always_inline)) void mutate(Op op, std::array<Num, n>& adjoints) {
  if (mutation.scalar_op != static_cast<int>(op) || mutation.argument >= n) return;
  Num& d = adjoints[mutation.argument];
  if (mutation.fault == Fault::sign) d = -d;
  if (mutation.fault == Fault::permille) d = d * Num(1.001);
  if (mutation.fault == Fault::dropped) d = Num(0);
}
/// Whether an array op is to store where it should add; the other faults of array ops are in fault_injection.hpp.
inline bool mutate_store(const char* op) { return mutation.fault == Fault::store && mutation.op == op; }
inline bool mutate_store(int scalar_op, int argument) {
  return mutation.fault == Fault::store && mutation.scalar_op == scalar_op &&
         static_cast<int>(mutation.argument) == argument;
}

#else

template <class Op, class Num, std::size_t n>
inline __attribute__((always_inline)) void mutate(Op, std::array<Num, n>&) {}
constexpr bool mutate_store(const char*) { return false; }
constexpr bool mutate_store(int, int) { return false; }

#endif

}  // namespace unroll::detail
