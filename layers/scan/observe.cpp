#include "unroll/detail/layers/scan/observe.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {

template <class T>
thread_local constinit StateObserver<T>* StateObserver<T>::innermost = nullptr;

UNROLL_COMPILE_TYPES(class StateObserver)

}  // namespace unroll::detail
