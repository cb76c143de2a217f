#include "unroll/layers/any_state.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll {

template <class T>
const Variable<T>& AnyState<T>::output() const {
  if (output_number < members.size()) return members[output_number].variable;
  raise<UsageError>(
      "any recurrent: the output of a state without members; run the layer, or use initial_state()");
}

UNROLL_COMPILE_TYPES(struct AnyState)

}  // namespace unroll
