#pragma once
/// \file The symbols of a text that comes in pieces, for texts larger than memory.

#include <string>
#include <string_view>
#include <vector>

#include "unroll/data/bpe.hpp"
#include "unroll/data/symbols.hpp"

namespace unroll {

/// Cuts a text that comes in pieces into symbols, as for_each_symbol the whole.
class SymbolSplitter {
 public:
  /// Cuts into symbols of a level.
  explicit SymbolSplitter(Level level) : level_(level) {}
  /// Calls visit(symbol) for each symbol of what was held back and `characters`, sound UTF-8; the last one, which what
  /// follows might prolong, is held back, unless this is the last piece.
  /// Cost:   memory for a piece and the longest symbol.
  template <class Visit>
  void add(std::string_view characters, bool last, Visit&& visit) {
    held_ += characters;
    if (!last && held_.size() < wanted_) return;
    std::string_view text = held_;
    while (text.remove_prefix(gap_length(text, level_)), !text.empty()) {
      const std::size_t length = symbol_length(text, level_);
      if (!last && length == text.size()) break;
      visit(text.substr(0, length));
      text.remove_prefix(length);
    }
    held_.erase(0, held_.size() - text.size());
    wanted_ = 2 * held_.size();  // a symbol of many pieces is not looked through again with each
  }

 private:
  Level level_;
  std::string held_;
  std::size_t wanted_ = 0;
};

/// Counts what a vocabulary is made of.
class SymbolCounter {
 public:
  /// Counts symbols of a level.
  explicit SymbolCounter(Level level);
  /// Takes a piece of the text, sound UTF-8; the last one ends it.
  void add(std::string_view characters, bool last);
  /// How often each symbol occurs; of subwords nothing.
  SymbolCounts counts() const;
  /// What was found out for subwords.
  const BytePairLearner& pairs() const { return learner_; }

 private:
  Level level_;
  SymbolSplitter splitter_;
  SymbolCounts counts_;
  BytePairLearner learner_;
  std::vector<std::int64_t> characters_;  ///< how often each occurs, by code point
};

/// Numbers a text that comes in pieces, as encode_symbols the whole.
/// Lifetime: vocabulary and pairs outlive it.
class SymbolEncoder {
 public:
  /// Errors: UsageError for subwords without pairs.
  SymbolEncoder(Level level, const Vocabulary& vocabulary, const BytePairs* pairs = nullptr);
  /// The numbers of the symbols of a piece of the text, sound UTF-8, in which a symbol may end that began in an earlier
  /// one; the last piece ends the text.
  /// Lifetime: until the next call.
  std::vector<std::int64_t>& add(std::string_view characters, bool last);

  /// Characters of the symbols so far.
  std::int64_t characters() const { return characters_; }
  /// Symbols so far that the vocabulary does not know.
  std::int64_t unknown() const { return unknown_; }
  /// The first few different ones of them.
  const std::vector<std::string>& unknown_symbols() const { return unknown_symbols_; }

 private:
  void add_characters(std::string_view characters);
  void add_symbol(std::string_view symbol);
  void add_piece(std::string_view piece);
  void add_id(std::string_view symbol, std::optional<std::int64_t> id);

  Level level_;
  const Vocabulary& vocabulary_;
  const BytePairs* pairs_;
  SymbolSplitter splitter_;
  std::vector<std::int64_t> ids_;
  std::vector<std::int32_t> numbers_;                 ///< of characters, by code point; -1: unknown
  StringMap<std::vector<std::int64_t>> seen_pieces_;  ///< that are all known
  std::int64_t characters_ = 0, unknown_ = 0;
  std::vector<std::string> unknown_symbols_;
};

}  // namespace unroll
