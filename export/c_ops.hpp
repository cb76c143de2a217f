#pragma once  // internal
/// \file The scalar ops as C.

#include <span>
#include <string>
#include <string_view>

#include "unroll/detail/autograd/fused/scalar_op_list.hpp"

namespace unroll::detail {

/// An op's value and its derivatives. In the texts $a, $b and $c are the arguments and $y the value, 1_F is a number, and
/// @exp( a function of the file or of libm.
struct COp {
  ScalarOp op;
  std::string_view value;
  std::string_view slopes[max_op_arity] = {};  ///< "1", "-1", or an expression; empty: 0
};
const COp& c_op(ScalarOp op);

/// A function that the file may need, in C99; `fast` replaces one of libm.
struct CFunction {
  std::string_view name;
  std::string_view text;  ///< the body after `return`, or all of it in braces; one parameter, a
};
/// Where there is none: in exact files a function of libm, in fast ones none at all.
const CFunction* c_function(std::string_view name, bool fast);

}  // namespace unroll::detail
