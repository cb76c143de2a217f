#pragma once
/// \file A text as a sequence of symbols: characters, words, tokens or subwords.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/data/vocabulary.hpp"

namespace unroll {

class BytePairs;

/// What a symbol of a text is; `token` is for prepared texts, whose tokens stand between spaces; a `subword` is a part of
/// a word that was learned from a text, see bpe.hpp.
enum class Level { character, word, token, subword };

/// The version of the rules by which a text is cut into words; a vocabulary of words belongs to one. Those of version
/// 1, which nothing names, did without Unicode's categories.
constexpr std::int64_t word_rules = 2;

/// `char`, `word`, `token` or `bpe`, as options and files call them.
std::string_view name_of(Level level);
/// `character`, `word`, `token` or `subword`, as messages call a symbol.
std::string_view noun_of(Level level);
/// Errors: DataError for any other name.
Level level_named(std::string_view name);

/// The length in bytes of the symbol that `text`, not empty and sound UTF-8, begins with.
/// A word is a run of letters, marks and numbers by Unicode's categories, with apostrophes and invisible joiners
/// inside, or one other character with its marks; and one space before it if there is one. Scripts written without
/// spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan) go by characters with their marks. The characters or
/// words of a text, joined, are the text.
/// A token is a run without blanks, or the end of a line, "\n".
/// For subwords it is the piece that is cut into them: one space, if there is one, and a run of letters, marks and
/// numbers, or of other characters but blanks; or a run of blanks without its last space. At most 32 characters.
/// The pieces of a text, joined, are the text.
std::size_t symbol_length(std::string_view text, Level level);

/// The number of bytes before the next symbol of `text`, or the end: the blanks before a token, nothing else.
std::size_t gap_length(std::string_view text, Level level);

/// Calls visit(symbol) for each symbol of a text in order.
template <class Visit>
void for_each_symbol(std::string_view text, Level level, Visit&& visit) {
  while (text.remove_prefix(gap_length(text, level)), !text.empty()) {
    const std::size_t length = symbol_length(text, level);
    visit(text.substr(0, length));
    text.remove_prefix(length);
  }
}

/// Symbols as text again: with a space between two tokens of a line, and with nothing between others.
class SymbolWriter {
 public:
  /// The text so far ends with `before`.
  explicit SymbolWriter(Level level, std::string_view before = {});
  /// A symbol with what stands before it.
  std::string operator()(std::string_view symbol);

 private:
  bool spaced_, begins_ = true;
};

/// How often each symbol of a text occurs.
SymbolCounts count_symbols(std::string_view text, Level level);

/// The numbers of a text's symbols, and what of it the vocabulary does not know.
struct Encoded {
  std::vector<std::int64_t> ids;             ///< in the order of the text
  std::int64_t characters = 0;               ///< of the symbols in `ids`
  std::int64_t unknown = 0;                  ///< symbols that are not in the vocabulary
  std::vector<std::string> unknown_symbols;  ///< the first few different ones
};

/// The numbers of a text's symbols. A symbol that is not in the vocabulary counts as its unknown
/// symbol or, if it has none, is left out; either way it is counted. For subwords, `pairs` are those of the vocabulary.
/// Errors: UsageError for subwords without pairs.
Encoded encode_symbols(std::string_view text, Level level, const Vocabulary& vocabulary,
                       const BytePairs* pairs = nullptr);

/// `3 unknown characters ('é' (U+00E9), ...)` for a message; empty if there are none.
std::string describe_unknown(const Encoded& encoded, Level level);

}  // namespace unroll
