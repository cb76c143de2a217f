#pragma once  // internal
/// \file Text for messages and checks: quoting of untrusted names, UTF-8, shapes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace unroll::io {

/// An untrusted name for a message: in quotes, cut after 60 bytes, control characters and invalid UTF-8
/// escaped.
std::string quote(std::string_view text);

/// The same, but of printable ASCII without spaces up to 100 bytes as it is: of names in a list.
std::string shown_name(std::string_view name);

/// Names in a message, with commas between them; of more than 20 the first, and how many more there are.
std::string shown_names(std::span<const std::string> names);

/// Offset of the first byte that is not part of well-formed UTF-8; npos if there is none.
std::size_t find_invalid_utf8(std::string_view text);

/// "2, 3", with `separator` in the place of ", ".
std::string join(std::span<const std::int64_t> numbers, std::string_view separator);

/// "(2, 3)"; "()" for a scalar, "(3,)" for a vector.
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace unroll::io
