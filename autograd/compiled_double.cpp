#include "autograd/compiled_table.hpp"

namespace unroll::detail {

template Variable<double> apply_compiled(ScalarOp, std::initializer_list<Variable<double>>);

}  // namespace unroll::detail
