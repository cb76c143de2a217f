#pragma once  // internal
/// \file Which scalar ops there are, by number.

#include <cstdint>
#include <string_view>

/// All scalar ops. To add one: its struct in scalar_ops.hpp, its name here, its row in the tests' table. A name in the
/// first or second list is a function f(x) or f(a, b) for users too; functions.hpp has the operators and what has
/// other arguments.
// clang-format off
#define UNROLL_UNARY_OPS(X) \
  X(exp) X(log) X(sqrt) X(square) X(abs) X(tanh) X(sigmoid) X(relu) X(softplus) X(sin) X(cos) \
  X(silu) X(gelu) X(gelu_tanh) X(mish) X(log1p) X(expm1) X(erf) X(erfc) X(sign) X(floor) X(round) X(tan)
#define UNROLL_BINARY_OPS(X) X(pow) X(minimum) X(maximum) X(equal) X(atan2)
#define UNROLL_SCALAR_OPS(X)                                                        \
  X(add) X(sub) X(mul) X(div) X(neg) X(greater) X(greater_equal)                    \
  UNROLL_UNARY_OPS(X) UNROLL_BINARY_OPS(X)                                          \
  X(leaky_relu) X(elu) X(clamp) X(where) X(lerp)                                    \
  X(root_one_minus_square) X(root_one_minus_exp)
// clang-format on

namespace unroll::detail {

enum class ScalarOp : std::uint8_t {
#define UNROLL_ENUMERATE(name) name,
  UNROLL_SCALAR_OPS(UNROLL_ENUMERATE)
#undef UNROLL_ENUMERATE
};

inline constexpr int max_op_arity = 3;
/// What there is to know of an op beside its rules.
struct OpFacts {
  std::string_view name;
  std::uint8_t arity;
};
/// scalar_ops.cpp has it.
const OpFacts& facts_of(ScalarOp op);

}  // namespace unroll::detail
