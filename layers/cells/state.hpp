#pragma once
/// \file States of recurrent cells: a Variable, or a struct of them with visit().

#include <concepts>
#include <cstdint>
#include <utility>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll {

namespace detail {
struct AnyVisitor {
  template <class X>
  void operator()(const char*, X&) const {}
};
template <class S>
concept VisitedState = requires(S& s, AnyVisitor v) {
  s.visit(v);
};
template <class S>
concept StateWithOutput = requires(const S& s) {
  s.output();
}
|| requires(const S& s) { s.h; };

// Classes, so that each mistake is reported once.
template <class S>
struct CheckVisit {
  static constexpr bool passed = VisitedState<S>;
  static_assert(passed,
                "a state is a Variable, or a struct whose `template <class V> void visit(V&& v)` names its "
                "Variables: v(\"h\", h), v(\"c\", c);");
};
template <class S>
struct CheckOutput {
  static constexpr bool passed = StateWithOutput<S>;
  static_assert(passed, "a state has a member h, the output of its cell, or output(), which returns it");
};
template <class T>
struct CheckVisit<Variable<T>> {
  static constexpr bool passed = true;
};
template <class T>
struct CheckOutput<Variable<T>> : CheckVisit<Variable<T>> {};

template <class T>
void visit_state(Variable<T>& state, auto&& f) {
  f("h", state);
}
template <class S>
void visit_state(S& state, auto&& f) {
  if constexpr (CheckVisit<S>::passed) state.visit(f);
}
}  // namespace detail

/// The state of cells that carry one array.
/// Shapes: h (B, H).
template <class T>
struct HiddenState {
  Variable<T> h;
  template <class V>
  void visit(V&& v) {
    v("h", h);
  }
};

/// A copy of `state` with f applied to each of its Variables that is not empty.
template <class S, class F>
S map_state(S state, F&& f) {
  detail::visit_state(state, [&](const char*, auto& v) {
    if (v) v = f(v);
  });
  return state;
}

/// What a cell shows to the outside: the hidden state h, or what the state's output() says. It must be one of
/// the members that visit() shows.
template <class T>
const Variable<T>& output_of(const Variable<T>& state) {
  return state;
}
/// The same of a state with members.
template <class S>
const auto& output_of(const S& state) {
  if constexpr (requires { state.output(); }) {
    static_assert(std::is_lvalue_reference_v<decltype(state.output())>,
                  "output() of a state returns a reference to one of the members that visit() shows");
    return state.output();
  } else if constexpr (detail::CheckOutput<S>::passed) {
    return state.h;
  } else {
    static const Variable<float> none;
    return none;
  }
}

namespace detail {

/// The number type of a state.
template <class S>
using state_number = typename std::decay_t<decltype(output_of(std::declval<const S&>()))>::value_type;

/// The Variables of a state, in the order of visit(), without empty ones.
template <class S>
std::vector<Variable<state_number<S>>> members_of(S state) {
  std::vector<Variable<state_number<S>>> members;
  visit_state(state, [&](const char*, auto& v) {
    if (v) members.push_back(std::move(v));
  });
  return members;
}
/// Where the output stands among the members of a state, if anywhere.
struct OutputPlace {
  bool shown = false;      ///< by visit()
  bool empty = false;      ///< shown, but an empty Variable
  std::size_t number = 0;  ///< which of the members that are not empty it is
};
template <class S>
OutputPlace output_place(const S& state) {
  S copy = state;
  OutputPlace place;
  std::size_t m = 0;
  visit_state(copy, [&](const char*, auto& v) {
    if (&v == &output_of(copy)) place = {true, !v, m};
    m += v ? 1U : 0U;
  });
  return place;
}
/// Errors: UsageError unless visit() shows the output, and it is there.
inline void check_output_place(const char* op, const OutputPlace& place) {
  if (!place.shown)
    raise<UsageError>(
        "{}: visit() of the state does not show its output; add v(\"h\", h), or what output() returns", op);
  if (place.empty)
    raise<UsageError>("{}: the output of the first state is empty; begin with zeros (B, H) instead", op);
}
/// Which of these members is h.
/// Errors: as check_output_place.
template <class S>
std::size_t output_number(const S& state, const char* op = "scan") {
  const OutputPlace place = output_place(state);
  check_output_place(op, place);
  return place.number;
}

/// A bit for each member, whether it is there.
template <class S>
std::uint64_t present_members(S& state) {
  std::uint64_t bits = 0;
  unsigned k = 0;
  visit_state(state, [&](const char*, auto& v) { bits ^= std::uint64_t{v ? 1U : 0U} << (k++ % 64); });
  return bits;
}
[[noreturn]] inline void fail_members(const char* op, const char* name) {
  raise<UsageError>(
      "{}: the state's {} is empty at first and not after a step, or the other way round; begin with zeros "
      "instead of an empty Variable, and return every member from step",
      op, name);
}
/// Errors: UsageError naming a member of `after` that is there, but was not before, or the other way round.
template <class S>
void check_members(const char* op, std::uint64_t before, S& after) {
  const std::uint64_t changed = before ^ present_members(after);
  if (changed == 0) return;
  unsigned k = 0;
  visit_state(after, [&](const char* name, auto&) {
    if (changed >> (k++ % 64) & 1) fail_members(op, name);
  });
}
/// `state` with other values in its members that are not empty.
template <class S>
S with_members(S state, const std::vector<Variable<state_number<S>>>& members) {
  std::size_t m = 0;
  visit_state(state, [&](const char*, auto& v) {
    if (v) v = members[m++];
  });
  return state;
}

}  // namespace detail

/// The same values as constants: cuts the gradient, as truncated BPTT does between windows.
template <class S>
S detach_state(const S& state) {
  return map_state(state, [](const auto& v) { return v.detach(); });
}

}  // namespace unroll
