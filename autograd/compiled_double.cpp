#include "autograd/compiled_table.hpp"

namespace unroll::detail {

template Variable<double> apply_compiled(ScalarOp, std::initializer_list<Variable<double>>);
template Variable<double> run_compiled(ScalarOp, Tensor<double>* const*, const Shape&);

}  // namespace unroll::detail
