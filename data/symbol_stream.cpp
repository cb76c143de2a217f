#include "unroll/data/symbol_stream.hpp"

#include <algorithm>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

constexpr std::size_t all_code_points = 0x110000;

/// Calls visit(code point, offset, length) for each.
template <class Visit>
void for_each_character(std::string_view text, Visit&& visit) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const CodePoint point = byte < 0x80 ? CodePoint{byte, 1, {}} : code_point_at(text, at);
    visit(point.value, at, point.length);
    at += point.length;
  }
}

}  // namespace

SymbolCounter::SymbolCounter(Level level) : level_(level), splitter_(level) {
  if (level == Level::character) characters_.resize(all_code_points);
}

void SymbolCounter::add(std::string_view characters, bool last) {
  switch (level_) {
    case Level::character:
      return for_each_character(characters, [&](char32_t c, std::size_t, std::size_t) { ++characters_[c]; });
    case Level::subword:
      return splitter_.add(characters, last, [&](std::string_view piece) { learner_.add(piece); });
    default:
      return splitter_.add(characters, last, [&](std::string_view symbol) { counts_.add(symbol); });
  }
}

SymbolCounts SymbolCounter::counts() const {
  SymbolCounts counts = counts_;
  for (std::size_t c = 0; c < characters_.size(); ++c) {
    if (characters_[c] == 0) continue;
    std::string character;
    append_utf8(character, static_cast<char32_t>(c));
    counts.add(character, characters_[c]);
  }
  return counts;
}

SymbolEncoder::SymbolEncoder(Level level, const Vocabulary& vocabulary, const BytePairs* pairs)
    : level_(level), vocabulary_(vocabulary), pairs_(pairs), splitter_(level) {
  if (level == Level::subword && !pairs) raise<UsageError>("symbols: subwords need the pairs that make them");
  if (level != Level::character) return;
  for (std::int64_t id = 0; id < vocabulary.size(); ++id) {
    const std::string& symbol = vocabulary.symbol(id);
    if (symbol.empty() || vocabulary.find(symbol) != id) continue;
    const CodePoint point = code_point_at(symbol, 0);
    if (point.length != symbol.size() || !point.fault.empty()) continue;
    if (numbers_.size() <= point.value) numbers_.resize(point.value + 1, -1);
    numbers_[point.value] = static_cast<std::int32_t>(id);
  }
}

std::vector<std::int64_t>& SymbolEncoder::add(std::string_view characters, bool last) {
  ids_.clear();
  if (level_ == Level::character)
    add_characters(characters);
  else
    splitter_.add(characters, last, [&](std::string_view symbol) {
      level_ == Level::subword ? add_piece(symbol) : add_symbol(symbol);
    });
  return ids_;
}

void SymbolEncoder::add_characters(std::string_view characters) {
  for_each_character(characters, [&](char32_t c, std::size_t at, std::size_t length) {
    if (const auto id = c < numbers_.size() ? numbers_[c] : -1; id >= 0)
      ids_.push_back(id), ++characters_;
    else
      add_id(characters.substr(at, length), {});
  });
}

void SymbolEncoder::add_symbol(std::string_view symbol) { add_id(symbol, vocabulary_.find(symbol)); }

void SymbolEncoder::add_piece(std::string_view piece) {
  constexpr std::size_t most_seen = 1 << 16;
  if (const auto seen = seen_pieces_.find(piece); seen != seen_pieces_.end()) {
    ids_.insert(ids_.end(), seen->second.begin(), seen->second.end());
    characters_ += static_cast<std::int64_t>(count_characters(piece));
    return;
  }
  const std::int64_t unknown_before = unknown_;
  const auto begin = std::ssize(ids_);
  for (const auto& part : pairs_->split(piece, vocabulary_))
    add_id(part.text, part.id < 0 ? std::nullopt : std::optional(part.id));
  if (unknown_ > unknown_before) return;
  if (seen_pieces_.size() == most_seen) seen_pieces_.clear();
  seen_pieces_.emplace(piece, std::vector<std::int64_t>(ids_.begin() + begin, ids_.end()));
}

void SymbolEncoder::add_id(std::string_view symbol, std::optional<std::int64_t> id) {
  constexpr std::size_t shown = 5;
  if (!id) {
    ++unknown_;
    if (unknown_symbols_.size() < shown &&
        std::find(unknown_symbols_.begin(), unknown_symbols_.end(), symbol) == unknown_symbols_.end())
      unknown_symbols_.emplace_back(symbol);
    id = vocabulary_.unknown();
  }
  if (!id) return;
  ids_.push_back(*id);
  characters_ += static_cast<std::int64_t>(count_characters(symbol));
}

// Declared in symbols.hpp, beside what it gives.
Encoded encode_symbols(std::string_view text, Level level, const Vocabulary& vocabulary,
                       const BytePairs* pairs) {
  SymbolEncoder encoder(level, vocabulary, pairs);
  std::vector<std::int64_t> ids = encoder.add(text, true);
  return {std::move(ids), encoder.characters(), encoder.unknown(), encoder.unknown_symbols()};
}

}  // namespace unroll
