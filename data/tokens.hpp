#pragma once
/// \file A line as a sequence of tokens: words between spaces, or characters.

#include <cstdint>
#include <string_view>
#include <vector>

#include "unroll/data/vocabulary.hpp"

namespace unroll {

/// The words between spaces and tabs; none is empty.
/// Lifetime: they point into `text`.
std::vector<std::string_view> split_words(std::string_view text);

/// The code points of a text that is UTF-8.
/// Lifetime: they point into `text`.
std::vector<std::string_view> split_characters(std::string_view text);

/// The number of each token; one that the vocabulary does not know counts as its unknown symbol.
/// Errors: DataError naming the token if it has none.
template <class Tokens>
std::vector<std::int64_t> ids_of(const Tokens& tokens, const Vocabulary& vocabulary) {
  std::vector<std::int64_t> ids;
  for (const auto& token : tokens) ids.push_back(vocabulary.id(token));
  return ids;
}

}  // namespace unroll
