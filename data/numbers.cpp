#include "unroll/detail/data/numbers.hpp"

#include <charconv>
#include <limits>
#include <locale>
#include <sstream>
#include <string>

namespace unroll::detail {
namespace {

/// Whether a number that no double can hold is too small for it, and not too large. A stream of the classic locale
/// fails for the latter only.
bool is_tiny(const std::string& word) {
  std::istringstream in(word);
  in.imbue(std::locale::classic());
  double value = 0;
  return static_cast<bool>(in >> value);
}

}  // namespace

std::optional<double> number_in(std::string_view word) {
  double value = 0;
  const char* const begin = word.data() + (word.starts_with('+') && !word.starts_with("+-"));
  const char* const end = word.data() + word.size();
  const auto [at, error] = std::from_chars(begin, end, value);
  if (error == std::errc::invalid_argument || at != end) return {};
  if (error != std::errc::result_out_of_range) return value;
  if (is_tiny({begin, at})) return 0;
  return *begin == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

}  // namespace unroll::detail
