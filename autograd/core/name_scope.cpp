#include "unroll/autograd/name_scope.hpp"

#include <fmt/format.h>

namespace unroll {

std::string NameScope::path() {
  std::string path;
  for (const NameScope* s = innermost; s; s = s->outer_) {
    std::string name(s->name_);
    if (s->number_ >= 0) name += fmt::format(" {}", s->number_);
    path = name + std::string(s->suffix_) + (path.empty() ? "" : ", ") + path;
  }
  return path;
}

}  // namespace unroll
