#include "unroll/data/bpe.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <queue>
#include <unordered_set>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

constexpr std::size_t most_pieces = std::size_t{1} << 18;
constexpr std::size_t code_points = 0x110000;

std::uint64_t key_of(std::int64_t left, std::int64_t right) {
  return (static_cast<std::uint64_t>(left) << 32) | static_cast<std::uint64_t>(right);
}

/// Joins pairs in the different pieces of a text, each of which knows how often it stands there.
class PairMerger {
 public:
  PairMerger(const StringMap<std::int64_t>& pieces, std::vector<std::string> symbols)
      : symbols_(std::move(symbols)) {
    StringMap<std::int32_t> numbers;
    for (const auto& symbol : symbols_) numbers.emplace(symbol, static_cast<std::int32_t>(numbers.size()));
    taken_.insert(symbols_.begin(), symbols_.end());
    for (const auto& [piece, count] : pieces) add(piece, count, numbers);
    for (const auto& [pair, stands] : pairs_) queue_.push({stands.count, pair});
  }

  /// Joins the pair that stands most often; false if none stands twice.
  bool join_next() {
    const auto behind = [this](const Entry& a, const Entry& b) { return comes_later(a, b); };
    while (!queue_.empty()) {
      const Entry best = queue_.top(behind);
      queue_.pop(behind);
      const auto found = pairs_.find(best.pair);
      if (found == pairs_.end() || found->second.count != best.count)
        continue;  // an entry of its own came later
      if (best.count < 2) return false;
      std::string joined = symbols_[left(best.pair)] + symbols_[right(best.pair)];
      if (!taken_.insert(joined).second) continue;
      const std::vector<std::int32_t> words = std::move(found->second.words);
      pairs_.erase(found);
      symbols_.push_back(std::move(joined));
      made_.push_back(best.pair);
      join(best.pair, words);
      return true;
    }
    return false;
  }

  const std::vector<std::string>& symbols() const { return symbols_; }
  /// The pairs in the order of joining, as texts.
  std::vector<std::pair<std::string, std::string>> made() const {
    std::vector<std::pair<std::string, std::string>> texts;
    for (const auto pair : made_) texts.emplace_back(symbols_[left(pair)], symbols_[right(pair)]);
    return texts;
  }

 private:
  static constexpr std::int32_t unknown = -1;
  struct Word {
    std::vector<std::int32_t> symbols;
    std::int64_t count;
  };
  struct Stands {
    std::int64_t count = 0;
    std::vector<std::int32_t> words;  ///< where the pair stands, or has stood
  };
  struct Entry {
    std::int64_t count;
    std::uint64_t pair;
  };
  /// A heap whose order needs the symbols, which its owner keeps.
  struct Heap {
    std::vector<Entry> entries;
    bool empty() const { return entries.empty(); }
    void push(const Entry& entry) { entries.push_back(entry); }
    template <class Order>
    void push(const Entry& entry, Order order) {
      entries.push_back(entry);
      std::push_heap(entries.begin(), entries.end(), order);
    }
    template <class Order>
    const Entry& top(Order order) {
      if (!ordered) std::make_heap(entries.begin(), entries.end(), order), ordered = true;
      return entries.front();
    }
    template <class Order>
    void pop(Order order) {
      std::pop_heap(entries.begin(), entries.end(), order);
      entries.pop_back();
    }
    bool ordered = false;
  };

  static std::size_t left(std::uint64_t pair) { return pair >> 32; }
  static std::size_t right(std::uint64_t pair) { return pair & 0xFFFFFFFF; }
  bool comes_later(const Entry& a, const Entry& b) const {
    if (a.count != b.count) return a.count < b.count;
    if (a.pair == b.pair) return false;
    if (const int order = symbols_[left(a.pair)].compare(symbols_[left(b.pair)]); order != 0)
      return order > 0;
    return symbols_[right(a.pair)] > symbols_[right(b.pair)];
  }

  void add(std::string_view piece, std::int64_t count, const StringMap<std::int32_t>& numbers) {
    Word word{{}, count};
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t length = code_point_at(piece, at).length;
      const auto found = numbers.find(piece.substr(at, length));
      word.symbols.push_back(found == numbers.end() ? unknown : found->second);
      at += length;
    }
    const auto number = static_cast<std::int32_t>(words_.size());
    for (std::size_t k = 0; k + 1 < word.symbols.size(); ++k)
      count_pair(word.symbols[k], word.symbols[k + 1], count, number);
    words_.push_back(std::move(word));
  }

  void count_pair(std::int32_t a, std::int32_t b, std::int64_t count, std::int32_t word) {
    if (a == unknown || b == unknown) return;
    Stands& stands = pairs_[key_of(a, b)];
    stands.count += count;
    if (count > 0 && (stands.words.empty() || stands.words.back() != word)) stands.words.push_back(word);
  }

  void join(std::uint64_t pair, const std::vector<std::int32_t>& words) {
    std::unordered_set<std::uint64_t> changed;
    const auto a = static_cast<std::int32_t>(left(pair)), b = static_cast<std::int32_t>(right(pair));
    const auto made = static_cast<std::int32_t>(symbols_.size() - 1);
    for (const std::int32_t number : words) {
      Word& word = words_[static_cast<std::size_t>(number)];
      auto& s = word.symbols;
      if (std::adjacent_find(s.begin(), s.end(), [&](auto x, auto y) { return x == a && y == b; }) == s.end())
        continue;
      for (std::size_t k = 0; k + 1 < s.size(); ++k) {
        count_pair(s[k], s[k + 1], -word.count, number);
        if (s[k] != unknown && s[k + 1] != unknown) changed.insert(key_of(s[k], s[k + 1]));
      }
      std::size_t kept = 0;
      for (std::size_t k = 0; k < s.size(); ++k) {
        const bool joins = k + 1 < s.size() && s[k] == a && s[k + 1] == b;
        s[kept++] = joins ? made : s[k];
        if (joins) ++k;
      }
      s.resize(kept);
      for (std::size_t k = 0; k + 1 < s.size(); ++k) {
        count_pair(s[k], s[k + 1], word.count, number);
        if (s[k] != unknown && s[k + 1] != unknown) changed.insert(key_of(s[k], s[k + 1]));
      }
    }
    pairs_.erase(pair), changed.erase(pair);
    const auto behind = [this](const Entry& x, const Entry& y) { return comes_later(x, y); };
    for (const std::uint64_t key : changed) {
      const auto found = pairs_.find(key);
      if (found->second.count > 0)
        queue_.push({found->second.count, key}, behind);
      else
        pairs_.erase(found);
    }
  }

  std::vector<std::string> symbols_;
  std::unordered_set<std::string> taken_;
  std::vector<Word> words_;
  std::unordered_map<std::uint64_t, Stands> pairs_;
  Heap queue_;
  std::vector<std::uint64_t> made_;
};

}  // namespace

BytePairs::BytePairs(std::vector<Pair> pairs, const Vocabulary& vocabulary, std::string_view name)
    : pairs_(std::move(pairs)) {
  std::unordered_set<std::int64_t> made;
  for (std::size_t rank = 0; rank < pairs_.size(); ++rank) {
    const auto text = [&](std::int64_t id) -> const std::string& {
      const bool is_symbol =
          id >= 0 && id < vocabulary.size() && vocabulary.find(vocabulary.symbol(id)) == id;
      if (!is_symbol) raise<DataError>("{}: pair {}: the number {} is no symbol of a text", name, rank, id);
      return vocabulary.symbol(id);
    };
    const auto [a, b] = pairs_[rank];
    const auto joined = vocabulary.find(text(a) + text(b));
    if (!joined)
      raise<DataError>("{}: pair {}: {} and {} make no symbol", name, rank, quote_symbol(text(a)),
                       quote_symbol(text(b)));
    if (!made.insert(*joined).second)
      raise<DataError>("{}: pair {}: {} is made twice", name, rank, quote_symbol(vocabulary.symbol(*joined)));
    joins_.emplace(key_of(a, b), Join{rank, *joined});
  }
}

std::vector<BytePairs::Subword> BytePairs::split(std::string_view piece, const Vocabulary& vocabulary) const {
  std::vector<Subword> parts;
  for (std::size_t at = 0; at < piece.size(); at += parts.back().text.size()) {
    const std::string_view character = piece.substr(at, code_point_at(piece, at).length);
    parts.push_back({vocabulary.find(character).value_or(-1), character});
  }
  for (;;) {
    Join first{std::numeric_limits<std::size_t>::max(), -1};
    for (std::size_t k = 0; k + 1 < parts.size(); ++k) {
      if (parts[k].id < 0 || parts[k + 1].id < 0) continue;
      const auto found = joins_.find(key_of(parts[k].id, parts[k + 1].id));
      if (found != joins_.end() && found->second.rank < first.rank) first = found->second;
    }
    if (first.symbol < 0) return parts;
    const auto [a, b] = pairs_[first.rank];
    std::size_t kept = 0;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const bool joins = k + 1 < parts.size() && parts[k].id == a && parts[k + 1].id == b;
      const std::string_view text(parts[k].text.data(),
                                  parts[k].text.size() + (joins ? parts[k + 1].text.size() : 0));
      parts[kept++] = {joins ? first.symbol : parts[k].id, text};
      if (joins) ++k;
    }
    parts.resize(kept);
  }
}

nlohmann::ordered_json BytePairs::to_json() const {
  auto json = nlohmann::ordered_json::array();
  for (const auto& [a, b] : pairs_) json.push_back(a), json.push_back(b);
  return json;
}

BytePairs BytePairs::from_json(const nlohmann::ordered_json& json, const Vocabulary& vocabulary,
                               std::string_view name) {
  if (!json.is_array() || json.size() % 2 != 0 ||
      !std::all_of(json.begin(), json.end(), [](const auto& value) { return value.is_number_integer(); }))
    raise<DataError>("{}: no pairs: need an array of whole numbers, two for each", name);
  std::vector<Pair> pairs;
  for (std::size_t k = 0; k < json.size(); k += 2)
    pairs.emplace_back(json[k].get<std::int64_t>(), json[k + 1].get<std::int64_t>());
  return {std::move(pairs), vocabulary, name};
}

void BytePairLearner::add(std::string_view piece, std::int64_t times) {
  if (characters_.empty()) characters_.resize(code_points);
  for (std::size_t at = 0; at < piece.size();) {
    const CodePoint point = code_point_at(piece, at);
    characters_[point.value] += times;
    at += point.length;
  }
  if (const auto found = pieces_.find(piece); found != pieces_.end())
    found->second += times;
  else
    pieces_.emplace(piece, times);
  if (pieces_.size() > most_pieces) forget_rarest();
}

void BytePairLearner::forget_rarest() {
  for (std::int64_t rare = 1; pieces_.size() > most_pieces / 2; rare *= 2)
    std::erase_if(pieces_, [rare](const auto& piece) { return piece.second <= rare; });
}

BytePairLearner::Learned BytePairLearner::learn(const Options& options) const {
  SymbolCounts counts;
  for (std::size_t c = 0; c < characters_.size(); ++c) {
    if (characters_[c] == 0) continue;
    std::string character;
    append_utf8(character, static_cast<char32_t>(c));
    counts.add(character, characters_[c]);
  }
  const Vocabulary characters(counts, options.special, options.min_count);
  if (characters.size() > options.vocabulary)
    raise<UsageError>(
        "byte pairs: need a vocabulary of at least {}, the characters of the text and special symbols; got "
        "{}",
        characters.size(), options.vocabulary);
  std::vector<std::string> symbols;
  for (std::int64_t id = 0; id < characters.size(); ++id)
    if (characters.find(characters.symbol(id)) == id) symbols.push_back(characters.symbol(id));
  const auto special = characters.size() - std::ssize(symbols);
  PairMerger merger(pieces_, std::move(symbols));
  while (std::ssize(merger.symbols()) + special < options.vocabulary && merger.join_next()) {
  }
  SymbolCounts all;
  for (const auto& symbol : merger.symbols()) all.add(symbol);
  Learned learned{Vocabulary(all, options.special), {}};
  std::vector<BytePairs::Pair> pairs;
  for (const auto& [a, b] : merger.made())
    pairs.emplace_back(learned.vocabulary.id(a), learned.vocabulary.id(b));
  learned.pairs = BytePairs(std::move(pairs), learned.vocabulary, "byte pairs");
  return learned;
}

}  // namespace unroll
