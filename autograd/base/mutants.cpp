#include "unroll/detail/autograd/base/mutants.hpp"

#if UNROLL_MUTANTS

namespace unroll::detail {

thread_local Mutation mutation;

}  // namespace unroll::detail

#endif
