#pragma once
/// \file The members of a module as a list, for classes that hide what kind of module they hold.

#include "unroll/layers/module.hpp"

namespace unroll {

/// What:   all that a module shows, of the modules in it too, as a module of one type. A class that holds
///         modules of several types behind a virtual function shows them by it:
///
///     struct Base { virtual MemberList<float> members() = 0; … };
///     template <class M> struct Holder : Base { MemberList<float> members() override { return MemberList<float>(m); } … };
///     template <class V> void visit(V&& v) { base->members().visit(v); }
///
/// Lifetime: points into the module.
template <class T>
class MemberList {
 public:
  using value_type = T;

  /// The members of `module`.
  template <Module M>
  explicit MemberList(M& module) : members_(detail::members(module)) {}

  /// Shows them, by their full names.
  template <class V>
  void visit(V&& v) {
    for (auto& member : members_)
      std::visit(
          [&](auto& at) {
            if constexpr (std::is_pointer_v<std::decay_t<decltype(at)>>) v(member.name, *at);
          },
          member.at);
  }

 private:
  detail::Members<T> members_;
};

}  // namespace unroll
