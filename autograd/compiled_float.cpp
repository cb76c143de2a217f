#include "autograd/compiled_table.hpp"

namespace unroll::detail {

template Variable<float> apply_compiled(ScalarOp, std::initializer_list<Variable<float>>);
template Variable<float> run_compiled(ScalarOp, Tensor<float>* const*, const Shape&);

}  // namespace unroll::detail
