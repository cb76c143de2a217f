#include "autograd/compiled_table.hpp"

namespace unroll::detail {

template Variable<float> apply_compiled(ScalarOp, std::initializer_list<Variable<float>>);

}  // namespace unroll::detail
