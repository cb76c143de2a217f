#pragma once
/// \file What the functions here accept as a list of parameters.

#include <iterator>
#include <ranges>
#include <span>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll {

namespace detail {
template <class T>
const Variable<T>& parameter_of(const Variable<T>& p) {
  return p;
}
template <class P>
requires requires(const P& p) { p.variable.tensor(); }
const auto& parameter_of(const P& p) { return p.variable; }

template <class R>
using parameter_type =
    typename std::decay_t<decltype(parameter_of(*std::ranges::begin(std::declval<const R&>())))>::value_type;
}  // namespace detail

/// Variables, or things with a member `variable`, such as parameters(model).
template <class R>
concept ParameterList = std::ranges::range<R> && requires {
  typename detail::parameter_type<R>;
};

namespace detail {
struct AnyMember {
  void operator()(auto&&...) const {}
};
/// What is no list, but shows members: a module, of which this folder knows nothing else.
template <class M>
concept NotAList = !ParameterList<M> && requires(M & m, AnyMember member) {
  m.visit(member);
};
template <class M>
void refuse_module() {
  static_assert(!NotAList<M>, "this takes a list of parameters, not a module: write parameters(model)");
}
}  // namespace detail

/// The Variables of a list.
template <ParameterList R>
auto variables(const R& list) {
  std::vector<Variable<detail::parameter_type<R>>> result;
  for (const auto& p : list) result.push_back(detail::parameter_of(p));
  return result;
}

namespace detail {

/// The Variables of a list, for an optimiser of T.
template <class T, ParameterList R>
std::vector<Variable<T>> variables_of_type(const R& list) {
  constexpr bool same = std::is_same_v<parameter_type<R>, T>;
  static_assert(same,
                "an optimiser must have the number type of its parameters: leave it out, as in "
                "`Adam optimiser(parameters(model));`, or write the model's");
  if constexpr (same) {
    return variables(list);
  } else {
    return {};
  }
}

/// The stored gradient of a parameter, to be changed in place; empty where there is none.
/// Errors: UsageError for an empty Variable or one that is no leaf.
template <class T>
std::span<T> stored_gradient(const char* op, const Variable<T>& p) {
  if (!p) raise<UsageError>("{}: a parameter is empty; leave absent ones out of the list", op);
  if (!p.is_leaf()) {
    raise<UsageError>("{}: {} is the result of an op; list the leaves it was computed from", op,
                      p.shape().str());
  }
  if (!p.has_grad()) return {};
  return {p.tensor()->grad, static_cast<std::size_t>(p.size())};
}

/// "weight_ih_l0 (512, 65)", or the shape alone where there is no name.
template <class T>
std::string describe(const Variable<T>& p) {
  return p.name().empty() ? p.shape().str() : p.name() + " " + p.shape().str();
}

}  // namespace detail
}  // namespace unroll
