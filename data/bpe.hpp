#pragma once
/// \file Byte-pair encoding: symbols between characters and words, learned from a text.

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <utility>

#include "unroll/data/vocabulary.hpp"

namespace unroll {

/// Which two symbols become one, and in what order: what cuts a piece of text (symbol_length with Level::subword) into
/// symbols of a vocabulary. Characters of the learned text are symbols, so all of that text can be written; others are
/// unknown.
/// Source: Sennrich, Haddow and Birch (2016); of characters, as there, not of bytes.
class BytePairs {
 public:
  /// A symbol of a piece: its number, -1 for a character that the vocabulary does not know, and its text.
  struct Subword {
    std::int64_t id;        ///< in the vocabulary, or -1
    std::string_view text;  ///< of the piece
  };
  /// Two symbols, by their numbers.
  using Pair = std::pair<std::int64_t, std::int64_t>;

  BytePairs() = default;
  /// The pairs in the order in which they are to be joined.
  /// Errors: DataError beginning with `name` for a number that is no symbol of a text, two symbols that joined are none,
  ///         or a symbol that two pairs make.
  BytePairs(std::vector<Pair> pairs, const Vocabulary& vocabulary, std::string_view name);

  /// The symbols of a piece, which joined are the piece: those of its characters, of which, again and again, the
  /// pair that was learned first becomes one.
  /// Lifetime: the texts point into `piece`.
  /// Cost:   the square of its characters.
  std::vector<Subword> split(std::string_view piece, const Vocabulary& vocabulary) const;
  /// In the order in which they are joined.
  const std::vector<Pair>& pairs() const { return pairs_; }

  /// For a checkpoint; from_json reads it.
  nlohmann::ordered_json to_json() const;
  /// Errors: DataError beginning with `name` if the value is not what to_json wrote for this vocabulary.
  static BytePairs from_json(const nlohmann::ordered_json& json, const Vocabulary& vocabulary,
                             std::string_view name);

 private:
  struct Join {
    std::size_t rank;
    std::int64_t symbol;
  };
  std::vector<Pair> pairs_;
  std::unordered_map<std::uint64_t, Join> joins_;
};

/// Learns subwords from the pieces of a text.
class BytePairLearner {
 public:
  /// How many symbols, and which.
  struct Options {
    std::int64_t vocabulary = 2000;  ///< symbols in all, special ones too; fewer where no pair occurs twice
    SpecialSymbols special = {};     ///< an unknown symbol is needed if min_count is above 1
    std::int64_t min_count = 1;      ///< characters that occur less often are no symbols
  };
  /// A vocabulary and what cuts texts into its symbols.
  struct Learned {
    Vocabulary vocabulary;  ///< characters and what they were joined to
    BytePairs pairs;        ///< of its numbers
  };

  /// Takes a piece once more, or `times`. Of more than 2¹⁸ different ones, the rarest are forgotten but for their
  /// characters.
  void add(std::string_view piece, std::int64_t times = 1);
  /// The vocabulary, by joining the pair that stands most often in the pieces, again and again. Of pairs that stand
  /// equally often it is the one whose left text is first in the order of bytes, or else the right one. No two pairs make
  /// the same symbol. The same pieces give the same symbols, whatever their order.
  /// Errors: UsageError if the characters alone are more than the vocabulary may have; as Vocabulary.
  Learned learn(const Options& options) const;

 private:
  void forget_rarest();

  StringMap<std::int64_t> pieces_;
  std::vector<std::int64_t> characters_;  ///< how often each occurs, by code point
};

}  // namespace unroll
