#include "unroll/detail/autograd/fused/compiled_table.hpp"

namespace unroll::detail {

template const FusedCode<float>& code_of(ScalarOp);

}  // namespace unroll::detail
