#pragma once
/// \file How many words of a sample are words of the text that the model has learned.

#include <cstdint>
#include <string_view>

namespace unroll::char_lm {

/// Words counted where they stand: one that occurs twice counts twice.
struct WordShare {
  std::int64_t words = 0;  ///< of the sample
  std::int64_t known = 0;  ///< those that also stand in the text
};

/// A word is a run of letters, whether capital or small; both texts are sound UTF-8.
/// Errors: UsageError if the system has no Unicode locale (C.UTF-8), which knows the letters.
WordShare share_of_known_words(std::string_view sample, std::string_view text);

}  // namespace unroll::char_lm
