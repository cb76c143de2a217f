/// \file What the engine keeps for each thread. It is defined here, once for a process: an inline variable would exist
/// twice where a program that hides its symbols uses the library as a shared one. The model "initial-exec" reads it
/// without a call also in position-independent code; it is small enough for libraries that are loaded later.

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/name_scope.hpp"
#include "unroll/autograd/no_grad.hpp"
#include "unroll/detail/autograd/core/context.hpp"
#include "unroll/detail/autograd/core/fault_injection.hpp"
#include "unroll/detail/autograd/core/host_reads.hpp"

namespace unroll {

thread_local constinit int NoGrad::depth = 0;
thread_local constinit int AnomalyMode::level = 0;
thread_local constinit NameScope* NameScope::innermost = nullptr;

namespace detail {

thread_local constinit const ContextScope* ContextScope::innermost = nullptr;
thread_local constinit HostReads* HostReads::innermost = nullptr;
#if UNROLL_MUTANTS
thread_local constinit const void* faulty_parameter = nullptr;
#endif

}  // namespace detail
}  // namespace unroll
