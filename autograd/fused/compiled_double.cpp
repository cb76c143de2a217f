#include "unroll/detail/autograd/fused/compiled_table.hpp"

namespace unroll::detail {

template const FusedCode<double>& code_of(ScalarOp);

}  // namespace unroll::detail
