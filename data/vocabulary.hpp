#pragma once
/// \file The symbols a model knows and their numbers.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace unroll {

/// Lets a map of strings be asked with a string_view without a copy.
struct StringHash {
  /// Tells the map that it may be asked with what is not a std::string.
  using is_transparent = void;
  /// The hash of a text.
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
/// A map of strings that can be asked with a string_view.
template <class Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

/// How often each symbol occurs.
class SymbolCounts {
 public:
  /// Counts a symbol once more, or `times`.
  void add(std::string_view symbol, std::int64_t times = 1);
  /// How often each symbol was added.
  const StringMap<std::int64_t>& counts() const { return counts_; }

 private:
  StringMap<std::int64_t> counts_;
};

/// Symbols that stand for no text; an empty name means that the vocabulary has no such symbol.
struct SpecialSymbols {
  std::string padding = {}, unknown = {}, start = {}, end = {};  ///< their names
};

/// Symbols (characters or words, UTF-8) numbered from 0: first the special ones that are named, in
/// the order padding, unknown, start, end; then the others in the order of their bytes, which for UTF-8 is
/// that of code points. The same counts give the same numbers on every machine. A symbol of a text that reads
/// like a special one is not that one: it has a number of its own, or counts as unknown.
class Vocabulary {
 public:
  Vocabulary() = default;
  /// The symbols that occur at least `min_count` times.
  /// Errors: UsageError if a symbol is cut off although no unknown symbol is named, or min_count < 1.
  explicit Vocabulary(const SymbolCounts& symbols, SpecialSymbols special = {}, std::int64_t min_count = 1);

  /// This vocabulary, and behind its symbols, which keep their numbers, those that it does not have and that occur at
  /// least `min_count` times, in the order of their bytes.
  /// Errors: UsageError if min_count < 1.
  Vocabulary extended(const SymbolCounts& symbols, std::int64_t min_count = 1) const;

  /// The number of symbols, special ones too.
  std::int64_t size() const { return static_cast<std::int64_t>(symbols_.size()); }
  /// The number of a text's symbol, never that of a special one; nothing if it is not in the vocabulary.
  std::optional<std::int64_t> find(std::string_view symbol) const;
  /// The number of a text's symbol, or that of the unknown symbol.
  /// Errors: DataError naming the symbol if neither is in the vocabulary.
  std::int64_t id(std::string_view symbol) const;
  /// Errors: IndexError if `id` is not in [0, size()).
  const std::string& symbol(std::int64_t id) const;

  /// The number of the padding symbol, if there is one.
  std::optional<std::int64_t> padding() const { return special_id(special_.padding); }
  /// The number of the unknown symbol, if there is one.
  std::optional<std::int64_t> unknown() const { return special_id(special_.unknown); }
  /// The number of the start symbol, if there is one.
  std::optional<std::int64_t> start() const { return special_id(special_.start); }
  /// The number of the end symbol, if there is one.
  std::optional<std::int64_t> end() const { return special_id(special_.end); }

  /// For a checkpoint; from_json reads it.
  nlohmann::ordered_json to_json() const;
  /// Errors: DataError beginning with `name` if the value is not what to_json wrote.
  static Vocabulary from_json(const nlohmann::ordered_json& json, std::string_view name);

 private:
  void append(std::string symbol);
  void append_special(std::string symbol);
  void append_saved(std::string symbol);
  void number(StringMap<std::int64_t>& ids, std::string symbol);
  std::optional<std::int64_t> special_id(const std::string& name) const;

  SpecialSymbols special_;
  std::vector<std::string> symbols_;
  StringMap<std::int64_t> ids_, special_ids_;
};

}  // namespace unroll
