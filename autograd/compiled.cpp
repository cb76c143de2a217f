#include "autograd/compiled.hpp"

#include <array>

#include "autograd/functions.hpp"
#include "autograd/reduce.hpp"

namespace unroll::detail {
namespace {

template <class Op, class T>
Variable<T> apply_one(std::initializer_list<Variable<T>> arguments) {
  const Variable<T>* a = arguments.begin();
  if constexpr (Op::arity == 1) {
    return make_expr<Op>(a[0]).evaluate();
  } else if constexpr (Op::arity == 2) {
    return make_expr<Op>(a[0], a[1]).evaluate();
  } else {
    return make_expr<Op>(a[0], a[1], a[2]).evaluate();
  }
}

}  // namespace

template <class T>
Variable<T> apply_compiled(ScalarOp op, std::initializer_list<Variable<T>> arguments) {
  using Function = Variable<T> (*)(std::initializer_list<Variable<T>>);
  static constexpr Function table[] = {
#define UNROLL_ENTRY(name) &apply_one<name##_op, T>,
      UNROLL_SCALAR_OPS(UNROLL_ENTRY)
#undef UNROLL_ENTRY
  };
  return table[static_cast<std::size_t>(op)](arguments);
}

template <class T>
Variable<T> fit_to(const Variable<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.size() == 1 && x.rank() <= shape.rank()) {
    return apply_compiled(ScalarOp::add, {x, Variable<T>(shape, T{0})});
  }
  return sum_to(x, shape);
}

void fail_anomaly(const std::string& op, const Shape& shape) {
  fail<UsageError>("anomaly: {} made a bad value in an array {}; look at its inputs", op, shape.str());
}

#define UNROLL_INSTANTIATE(T)                                                        \
  template Variable<T> apply_compiled(ScalarOp, std::initializer_list<Variable<T>>); \
  template Variable<T> fit_to(const Variable<T>&, const Shape&);
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace unroll::detail
