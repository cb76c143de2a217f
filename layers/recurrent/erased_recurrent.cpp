#include "unroll/detail/layers/recurrent/erased_recurrent.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

namespace unroll::detail {
namespace {

template <class T>
std::string member_names(const std::vector<NamedParameter<T>>& members) {
  std::string text;
  for (const auto& member : members) text += (text.empty() ? "" : ", ") + member.name;
  return text.empty() ? "nothing" : text;
}

}  // namespace

template <class T>
std::vector<Variable<T>> members_like(const std::vector<NamedParameter<T>>& expected,
                                      const AnyState<T>& given) {
  std::vector<NamedParameter<T>> left = given.members;
  std::vector<Variable<T>> found;
  for (const auto& want : expected) {
    const auto at = std::ranges::find(left, want.name, &NamedParameter<T>::name);
    if (at == left.end()) break;
    found.push_back(std::move(at->variable));
    left.erase(at);
  }
  if (found.size() == expected.size() && left.empty()) return found;
  raise<UsageError>("any recurrent: need a state of {}; got {}", member_names(expected),
                    member_names(given.members));
}

UNROLL_COMPILE_FUNCTIONS(members_like)

}  // namespace unroll::detail
