#pragma once  // internal
/// \file A fused expression as lines of C: what is used twice has a name of its own.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "unroll/detail/autograd/fused/code.hpp"

namespace unroll::detail {

/// A text of c_ops.hpp: $a, $b, $c and $y replaced, numbers and functions as the file has them.
class CWords {
 public:
  /// `function` gives the name under which the file calls one.
  CWords(bool single, std::function<std::string(std::string_view)> function)
      : single_(single), function_(std::move(function)) {}
  std::string operator()(std::string_view text, const std::map<char, std::string>& names) const;

 private:
  bool single_;
  std::function<std::string(std::string_view)> function_;
};

/// Of an input: its element and the tangent of that; empty where it is constant.
struct COperand {
  std::string value, tangent;
};

/// What the outputs are; the lines that come before them.
struct CExpression {
  std::vector<std::string> lines;
  std::vector<COperand> outputs;
};
/// `real` is the type of numbers. With `tangents` also those of the outputs.
template <class T>
CExpression c_expression(const FusedCode<T>& code, const std::vector<T>& numbers,
                         const std::vector<COperand>& inputs, const CWords& words, bool tangents);

}  // namespace unroll::detail
