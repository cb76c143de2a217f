#pragma once  // internal
/// \file Variables as text: `fmt::print("{}", x)` and `std::cout << x` write x.str().

#include <fmt/core.h>

#include <algorithm>
#include <iosfwd>
#include <string>

namespace unroll {

template <class T>
class Variable;

template <class T>
std::ostream& operator<<(std::ostream& to, const Variable<T>& x);

}  // namespace unroll

template <class T>
struct fmt::formatter<unroll::Variable<T>> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }  // no options
  template <class Context>
  auto format(const unroll::Variable<T>& x, Context& context) const {
    const std::string text = x.str();
    return std::copy(text.begin(), text.end(), context.out());
  }
};
