#pragma once
/// \file UTF-8 by code points, checked: overlong forms, surrogates, values above U+10FFFF and cut-off
/// sequences are faults with a position. (Unicode 15, table 3-7.)

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace unroll {

/// One code point of a text, or why there is none. `length` is its number of bytes, 1 on a fault;
/// `fault` is empty if the code point is sound.
struct CodePoint {
  char32_t value;          ///< its number
  std::size_t length;      ///< in bytes
  std::string_view fault;  ///< what is wrong, if anything is
};

/// The code point that begins at byte `offset`.
/// Errors: IndexError beyond the end of the text.
CodePoint code_point_at(std::string_view text, std::size_t offset);

/// The first byte at which a text stops being UTF-8; lines count from 1.
struct Utf8Fault {
  std::size_t offset;       ///< of the byte, from 0
  std::size_t line;         ///< from 1
  unsigned char byte;       ///< the byte itself
  std::string_view reason;  ///< in words
};

/// The first fault of a text, nothing if all of it is UTF-8.
std::optional<Utf8Fault> find_utf8_fault(std::string_view text);

/// `name:line: byte 0xE9 (offset 17) is not UTF-8: reason`.
std::string describe(const Utf8Fault& fault, std::string_view name);

/// Appends a code point as UTF-8.
/// Errors: IndexError for a surrogate or a value above U+10FFFF.
void append_utf8(std::string& text, char32_t code_point);

/// Number of code points of a text that is UTF-8.
std::size_t count_characters(std::string_view text);

/// Text as a message shows it, whoever has written it: control characters, those that turn the direction of writing
/// and bytes that are not UTF-8 as `\x1B`, `\u202E`; cut after `longest` bytes, with "..." then.
std::string printable(std::string_view text, std::size_t longest = 60);

/// A symbol as a message shows it: `'é' (U+00E9)`, `'\n' (U+000A)`; several characters: `'word'`.
std::string quote_symbol(std::string_view symbol);

}  // namespace unroll
