#pragma once  // internal
/// \file Where a word ends, by Unicode's categories.

#include <cstddef>
#include <string_view>

namespace unroll::detail {

/// The length in bytes of the word that `text`, not empty and sound UTF-8, begins with.
/// What:   a run of letters, marks and numbers (categories L, M and N), apostrophes, and what shows nothing and joins
///         (category Cf but for U+200B, such as the joiners of Persian and Hindi and the soft hyphen); or one other
///         character with its marks. Letters of scripts without spaces between words count as other characters.
/// Errors: UsageError, in a build without utf8proc.
/// Source: the grapheme clusters of Unicode's annex 29 by utf8proc, and all marks besides.
std::size_t word_length(std::string_view text);

/// The length in bytes of the piece that `text`, not empty and sound UTF-8, begins with; subwords do not cross pieces.
/// What:   one space, if there is one, and a run of letters, marks and numbers as above, or a run of other characters
///         but blanks; or a run of blanks, which leaves its last space to what follows. At most 32 characters.
/// Errors: as above.
std::size_t piece_length(std::string_view text);

}  // namespace unroll::detail
