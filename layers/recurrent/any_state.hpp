#pragma once
/// \file The state of a recurrent layer whose cell is chosen at run time.

#include <string>
#include <vector>

#include "unroll/layers/module.hpp"
#include "unroll/layers/state.hpp"

namespace unroll {

/// The state of an AnyRecurrent: what the state of its layer visits, by name, and which of it is the output.
/// Without members it stands for initial_state(B).
template <class T>
struct AnyState {
  std::vector<NamedParameter<T>> members = {};  ///< in the order of the layer's own state, or in any other
  std::size_t output_number = 0;                ///< which of them is the output

  /// Errors: UsageError where there are no members.
  const Variable<T>& output() const;
  /// Shows the members.
  template <class V>
  void visit(V&& v) {
    for (auto& member : members) v(member.name.c_str(), member.variable);
  }
};

extern template struct AnyState<float>;
extern template struct AnyState<double>;

}  // namespace unroll
