#include "unroll/detail/train/complaints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/io/text.hpp"

namespace unroll::detail {

void Complaints::differs(const std::string& name, const std::vector<std::int64_t>& in_file,
                         const std::vector<std::int64_t>& wanted) {
  shapes.push_back(
      fmt::format("{} is {}, not {}", io::shown_name(name), io::shape_text(in_file), io::shape_text(wanted)));
}

void Complaints::throw_if_any(const io::TensorFile& from, bool strict) const {
  std::vector<std::string> parts;
  const auto part = [&](const char* what, const std::vector<std::string>& list, const std::string& text) {
    if (!list.empty()) parts.push_back(fmt::format("{}: {}", what, text));
  };
  const auto first_of = [](const std::vector<std::string>& list) {
    constexpr std::size_t most = 20;
    const std::span first(list.data(), std::min(most, list.size()));
    return fmt::format("{}{}", fmt::join(first, ", "), list.size() > most ? ", ..." : "");
  };
  if (strict) {
    part("missing", missing, io::shown_names(missing));
    part("unexpected", unexpected, io::shown_names(unexpected));
  }
  part("of another shape", shapes, first_of(shapes));
  if (parts.empty()) return;
  part("of another cell", cells, first_of(cells));
  raise<DataError>("{}: does not fit the model: {}", from.source(), fmt::join(parts, "; "));
}

}  // namespace unroll::detail
