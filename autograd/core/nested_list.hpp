#pragma once  // internal
/// \file Numbers in nested braces.

#include <initializer_list>

namespace unroll::detail {

/// A number, or a list in braces of such: `{{1, 2}, {3, 4}}`. For parameters alone: the lists live no longer than the
/// expression that they stand in.
template <class T>
struct NestedList {
  NestedList(T number) : value(number) {}  // NOLINT: implicit on purpose
  NestedList(std::initializer_list<NestedList> list)
      : items(list), nested(true) {}  // NOLINT: implicit on purpose

  T value{};
  std::initializer_list<NestedList> items{};
  bool nested = false;
};

}  // namespace unroll::detail
