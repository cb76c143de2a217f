#include "unroll/data/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

struct NamedSpecial {
  const char* key;
  std::string SpecialSymbols::*member;
};
constexpr std::array<NamedSpecial, 4> specials = {{{"padding", &SpecialSymbols::padding},
                                                   {"unknown", &SpecialSymbols::unknown},
                                                   {"start", &SpecialSymbols::start},
                                                   {"end", &SpecialSymbols::end}}};

std::optional<std::int64_t> look_up(const StringMap<std::int64_t>& ids, std::string_view symbol) {
  const auto found = ids.find(symbol);
  return found == ids.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

void SymbolCounts::add(std::string_view symbol, std::int64_t times) {
  if (const auto found = counts_.find(symbol); found != counts_.end())
    found->second += times;
  else
    counts_.emplace(symbol, times);
}

Vocabulary::Vocabulary(const SymbolCounts& symbols, SpecialSymbols special, std::int64_t min_count)
    : special_(std::move(special)) {
  if (min_count < 1)
    raise<UsageError>("vocabulary: need min_count >= 1; got {}: 1 keeps every symbol", min_count);
  for (const auto& [key, member] : specials)
    if (!(special_.*member).empty()) append_special(special_.*member);
  std::vector<std::string> kept;
  for (const auto& [symbol, count] : symbols.counts()) {
    if (count >= min_count)
      kept.push_back(symbol);
    else if (special_.unknown.empty())
      raise<UsageError>("vocabulary: min_count {} cuts off {}: name an unknown symbol to stand for it",
                        min_count, quote_symbol(symbol));
  }
  std::sort(kept.begin(), kept.end());
  for (auto& symbol : kept) append(std::move(symbol));
}

Vocabulary Vocabulary::extended(const SymbolCounts& symbols, std::int64_t min_count) const {
  if (min_count < 1)
    raise<UsageError>("vocabulary: need min_count >= 1; got {}: 1 keeps every symbol", min_count);
  std::vector<std::string> added;
  for (const auto& [symbol, count] : symbols.counts())
    if (count >= min_count && !find(symbol)) added.push_back(symbol);
  std::sort(added.begin(), added.end());
  Vocabulary result = *this;
  for (auto& symbol : added) result.append(std::move(symbol));
  return result;
}

void Vocabulary::append(std::string symbol) { number(ids_, std::move(symbol)); }
void Vocabulary::append_special(std::string symbol) { number(special_ids_, std::move(symbol)); }

void Vocabulary::number(StringMap<std::int64_t>& ids, std::string symbol) {
  if (!ids.emplace(symbol, size()).second)
    raise<DataError>("vocabulary: the symbol {} stands twice", quote_symbol(symbol));
  symbols_.push_back(std::move(symbol));
}

std::optional<std::int64_t> Vocabulary::find(std::string_view symbol) const { return look_up(ids_, symbol); }

std::optional<std::int64_t> Vocabulary::special_id(const std::string& name) const {
  return look_up(special_ids_, name);
}

// The first of its name is the special one: they were numbered first.
void Vocabulary::append_saved(std::string symbol) {
  const bool is_special =
      !symbol.empty() && std::any_of(specials.begin(), specials.end(),
                                     [&](const NamedSpecial& s) { return special_.*s.member == symbol; });
  if (is_special && !special_id(symbol))
    append_special(std::move(symbol));
  else
    append(std::move(symbol));
}

std::int64_t Vocabulary::id(std::string_view symbol) const {
  if (const auto known = find(symbol)) return *known;
  if (const auto stand_in = unknown()) return *stand_in;
  raise<DataError>("vocabulary: {} is not among its {} symbols", quote_symbol(symbol), size());
}

const std::string& Vocabulary::symbol(std::int64_t id) const {
  if (id < 0 || id >= size()) raise<IndexError>("vocabulary: need an id in [0, {}); got {}", size(), id);
  return symbols_[static_cast<std::size_t>(id)];
}

nlohmann::ordered_json Vocabulary::to_json() const {
  nlohmann::ordered_json json;
  for (const auto& [key, member] : specials)
    if (!(special_.*member).empty()) json["special"][key] = special_.*member;
  json["symbols"] = symbols_;
  return json;
}

Vocabulary Vocabulary::from_json(const nlohmann::ordered_json& json, std::string_view name) {
  Vocabulary vocabulary;
  try {
    if (json.contains("special"))
      for (const auto& [key, member] : specials)
        vocabulary.special_.*member = json["special"].value(key, std::string());
    const auto& symbols = json.at("symbols");
    if (!symbols.is_array()) raise<DataError>("no vocabulary: need an array of symbols");
    for (const auto& symbol : symbols) vocabulary.append_saved(symbol.get<std::string>());
  } catch (const nlohmann::json::exception& error) {
    raise<DataError>("{}: no vocabulary: {}", name, error.what());
  } catch (const DataError& error) {
    raise<DataError>("{}: {}", name, error.what());
  }
  for (const auto& [key, member] : specials)
    if (const auto& special = vocabulary.special_.*member;
        !special.empty() && !vocabulary.special_id(special))
      raise<DataError>("{}: vocabulary: the {} symbol '{}' is not among the symbols", name, key,
                       printable(special));
  return vocabulary;
}

}  // namespace unroll
