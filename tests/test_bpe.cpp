#include "unroll/data/bpe.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/data/symbol_stream.hpp"
#include "unroll/data/tokens.hpp"

using namespace unroll;

namespace {

/// What an error says; empty without one.
template <class F>
std::string bpe_message(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

const bool without_pieces = !bpe_message([] { symbol_length("a", Level::subword); }).empty();

using Parts = std::vector<std::string>;

/// Byte pairs as the paper says it, without any haste: all pairs are counted anew before each is joined.
struct NaivePairs {
  std::vector<std::pair<Parts, std::int64_t>> pieces;
  std::set<std::string> symbols;
  std::vector<std::pair<std::string, std::string>> made;

  static Parts joined(const Parts& parts, const std::string& a, const std::string& b) {
    Parts result;
    for (std::size_t k = 0; k < parts.size(); ++k)
      if (k + 1 < parts.size() && parts[k] == a && parts[k + 1] == b)
        result.push_back(a + b), ++k;
      else
        result.push_back(parts[k]);
    return result;
  }
  NaivePairs(const std::map<std::string, std::int64_t>& counts, std::size_t vocabulary) {
    for (const auto& [piece, count] : counts) {
      Parts parts;
      for (const auto c : split_characters(piece)) parts.emplace_back(c), symbols.emplace(c);
      pieces.emplace_back(parts, count);
    }
    while (symbols.size() < vocabulary && join_next()) {
    }
  }
  bool join_next() {
    std::map<std::pair<std::string, std::string>, std::int64_t> pairs;
    for (const auto& [parts, count] : pieces)
      for (std::size_t k = 0; k + 1 < parts.size(); ++k) pairs[{parts[k], parts[k + 1]}] += count;
    auto best = pairs.end();  // the first of those with the largest count, in the order of the map
    for (auto pair = pairs.begin(); pair != pairs.end(); ++pair)
      if (!symbols.contains(pair->first.first + pair->first.second) &&
          (best == pairs.end() || pair->second > best->second))
        best = pair;
    if (best == pairs.end() || best->second < 2) return false;
    const auto [a, b] = best->first;
    for (auto& [parts, count] : pieces) parts = joined(parts, a, b);
    symbols.insert(a + b), made.emplace_back(a, b);
    return true;
  }
  Parts split(const std::string& piece) const {
    Parts parts;
    for (const auto c : split_characters(piece)) parts.emplace_back(c);
    for (const auto& [a, b] : made) parts = joined(parts, a, b);
    return parts;
  }
};

std::string random_letters(Generator& rng, std::size_t length, std::size_t letters) {
  static const Parts alphabet = {"a", "b", "c", "\u00e9", "d", "\u4e2d", "e"};
  std::string text;
  for (std::size_t k = 0; k < length; ++k) text += alphabet[rng.below(letters)];
  return text;
}

BytePairLearner::Learned learn_text(std::string_view text, std::int64_t vocabulary,
                                    SpecialSymbols special = {}, std::int64_t min_count = 1) {
  SymbolCounter counter(Level::subword);
  counter.add(text, true);
  return counter.pairs().learn({.vocabulary = vocabulary, .special = special, .min_count = min_count});
}

std::string text_of(const std::vector<std::int64_t>& ids, const Vocabulary& vocabulary) {
  std::string text;
  for (const auto id : ids) text += vocabulary.symbol(id);
  return text;
}

}  // namespace

TEST_CASE("bpe: the pair that stands most often is joined first, and then that of what there is") {
  BytePairLearner learner;
  learner.add("aaab", 3), learner.add("ab", 2);  // ab 5, aa 6: aa b → aa a b, ab
  const auto [vocabulary, pairs] = learner.learn({.vocabulary = 4});
  CHECK(vocabulary.size() == 4);
  CHECK(vocabulary.find("aa"));
  CHECK(vocabulary.find("ab"));
  const auto parts = pairs.split("aaab", vocabulary);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].text == "aa");
  CHECK(parts[1].text == "ab");
}

TEST_CASE("bpe: learned and applied, it is the plain algorithm, on random texts") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Generator rng(seed);
    std::map<std::string, std::int64_t> counts;
    const std::size_t letters = 2 + rng.below(6);
    for (int k = 0; k < 30; ++k)
      counts[random_letters(rng, 1 + rng.below(9), letters)] += 1 + static_cast<std::int64_t>(rng.below(4));
    BytePairLearner learner;
    for (const auto& [piece, count] : counts) learner.add(piece, count);
    const std::size_t size = 8 + rng.below(40);
    const NaivePairs naive(counts, size);
    const auto [vocabulary, pairs] = learner.learn({.vocabulary = static_cast<std::int64_t>(size)});
    REQUIRE(vocabulary.size() == std::ssize(naive.symbols));
    REQUIRE(pairs.pairs().size() == naive.made.size());
    for (std::size_t k = 0; k < naive.made.size(); ++k) {
      CHECK(vocabulary.symbol(pairs.pairs()[k].first) == naive.made[k].first);
      CHECK(vocabulary.symbol(pairs.pairs()[k].second) == naive.made[k].second);
    }
    for (int k = 0; k < 20; ++k) {
      const std::string piece = random_letters(rng, 1 + rng.below(20), letters);
      Parts parts;
      for (const auto& part : pairs.split(piece, vocabulary)) parts.emplace_back(part.text);
      CHECK(parts == naive.split(piece));
    }
  }
}

TEST_CASE("bpe: the order of the pieces does not matter") {
  BytePairLearner one, other;
  const Parts pieces = {"banana", "bandana", "cabana", "panama", "anagram"};
  for (const auto& piece : pieces) one.add(piece, 2);
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) other.add(*piece), other.add(*piece);
  const auto a = one.learn({.vocabulary = 15}), b = other.learn({.vocabulary = 15});
  CHECK(a.vocabulary.to_json() == b.vocabulary.to_json());
  CHECK(a.pairs.to_json() == b.pairs.to_json());
}

TEST_CASE("bpe: the pieces of a text, and its subwords, are the text" * doctest::skip(without_pieces)) {
  const std::string text =
      "def f(x):\n    return  x**2  # \u4e2d\u6587\u3002 caf\u00e9 e\u0301!\n\n\n  \ttail  ";
  Parts pieces;
  for_each_symbol(text, Level::subword, [&](std::string_view piece) { pieces.emplace_back(piece); });
  CHECK(pieces == Parts{"def",        " f",       "(",  "x",          "):",   "\n   ", " return",
                        " ",          " x",       "**", "2",          " ",    " #",    " \u4e2d\u6587\u3002",
                        " caf\u00e9", " e\u0301", "!",  "\n\n\n  \t", "tail", "  "});
  const auto [vocabulary, pairs] = learn_text(text + text, 60);
  const Encoded encoded = encode_symbols(text, Level::subword, vocabulary, &pairs);
  CHECK(encoded.unknown == 0);
  CHECK(text_of(encoded.ids, vocabulary) == text);
  CHECK(encoded.characters == 54);
  CHECK(std::ssize(encoded.ids) < 40);
  CHECK_THROWS_AS(encode_symbols(text, Level::subword, vocabulary), UsageError);
}

TEST_CASE("bpe: a long run is cut into pieces of 32 characters" * doctest::skip(without_pieces)) {
  CHECK(symbol_length(std::string(100, 'a'), Level::subword) == 32);
  CHECK(symbol_length(std::string(100, ' '), Level::subword) == 32);
  CHECK(symbol_length(" " + std::string(100, '='), Level::subword) == 33);
}

TEST_CASE("bpe: a character that was never seen is unknown, alone" * doctest::skip(without_pieces)) {
  const auto [vocabulary, pairs] = learn_text("low low lower lowest", 12, {.unknown = "<unknown>"});
  const Encoded encoded = encode_symbols("low\u00e9low", Level::subword, vocabulary, &pairs);
  CHECK(encoded.unknown == 1);
  CHECK(encoded.unknown_symbols == Parts{"\u00e9"});
  CHECK(std::count(encoded.ids.begin(), encoded.ids.end(), *vocabulary.unknown()) == 1);
  CHECK(text_of(encoded.ids, vocabulary) == "low<unknown>low");
  CHECK(encoded.characters == 7);
}

TEST_CASE("bpe: rare characters are unknown with a cut-off, and join nothing" *
          doctest::skip(without_pieces)) {
  const auto [vocabulary, pairs] = learn_text("xaxa xaxa xq", 10, {.unknown = "<unknown>"}, 2);
  CHECK(!vocabulary.find("q"));
  for (std::int64_t id = 0; id < vocabulary.size(); ++id)
    CHECK(vocabulary.symbol(id).find('q') == std::string::npos);
}

TEST_CASE("bpe: fewer symbols than characters are refused, and more than there are pairs are not made") {
  BytePairLearner learner;
  learner.add("abc", 1), learner.add("abd", 1);
  CHECK(bpe_message([&] { learner.learn({.vocabulary = 3}); }) ==
        "byte pairs: need a vocabulary of at least 4, the characters of the text and special symbols; got 3");
  CHECK(learner.learn({.vocabulary = 1000}).vocabulary.size() == 5);  // ab stands twice, nothing else does
}

TEST_CASE("bpe: of very many pieces the rarest are forgotten, their characters not") {
  BytePairLearner learner;
  for (int k = 0; k < 300000; ++k) learner.add(std::to_string(1000000 + k));
  learner.add("common", 50), learner.add("\u00e9");
  const auto [vocabulary, pairs] = learner.learn({.vocabulary = 20});
  CHECK(vocabulary.find("\u00e9"));
  CHECK(vocabulary.find("c"));
}

TEST_CASE("bpe: it survives the way through JSON, and what is no list of pairs is refused") {
  BytePairLearner learner;
  learner.add("banana", 4), learner.add("ban", 3);
  const auto [vocabulary, pairs] = learner.learn({.vocabulary = 7});
  const BytePairs again = BytePairs::from_json(pairs.to_json(), vocabulary, "f");
  CHECK(again.pairs() == pairs.pairs());
  const auto refused = [&](const char* text) {
    return bpe_message([&] { BytePairs::from_json(nlohmann::ordered_json::parse(text), vocabulary, "f"); });
  };
  CHECK(refused("{}").starts_with("f: no pairs"));
  CHECK(refused("[0]").starts_with("f: no pairs"));
  CHECK(refused("[0, 1.5]").starts_with("f: no pairs"));
  CHECK(refused("[0, 99]") == "f: pair 0: the number 99 is no symbol of a text");
  CHECK(refused("[-1, 0]") == "f: pair 0: the number -1 is no symbol of a text");
  CHECK(refused("[18446744073709551615, 0]").starts_with("f: pair 0: the number"));
  CHECK(refused("[0, 0]").find("make no symbol") != std::string::npos);
  const auto [a, b] = pairs.pairs().front();
  CHECK(refused(fmt::format("[{0}, {1}, {0}, {1}]", a, b).c_str()).find("is made twice") !=
        std::string::npos);
}

TEST_CASE("symbol stream: however a text is cut, its symbols are those of the whole, at every level" *
          doctest::skip(without_pieces)) {
  std::string text = "Two words,  and\u00e9 \u4e2d\u6587 e\u0301e 'tis\n\n  x=1;\t\ty\n";
  text += std::string(200, 'z') + " " + text;
  for (const Level level : {Level::character, Level::word, Level::token, Level::subword}) {
    SymbolCounter whole(level);
    whole.add(text, true);
    const auto learned = level == Level::subword ? whole.pairs().learn({.vocabulary = 50})
                                                 : BytePairLearner::Learned{Vocabulary(whole.counts()), {}};
    const Encoded expected = encode_symbols(text, level, learned.vocabulary, &learned.pairs);
    CHECK(expected.unknown == 0);
    for (const std::size_t size : {1, 3, 10}) {
      SymbolCounter counter(level);
      SymbolEncoder encoder(level, learned.vocabulary, &learned.pairs);
      std::vector<std::int64_t> ids;
      const auto characters = split_characters(text);
      for (std::size_t at = 0; at < characters.size(); at += size) {
        std::string piece;
        for (std::size_t k = at; k < std::min(at + size, characters.size()); ++k) piece += characters[k];
        counter.add(piece, at + size >= characters.size());
        const auto& some = encoder.add(piece, at + size >= characters.size());
        ids.insert(ids.end(), some.begin(), some.end());
      }
      CHECK(ids == expected.ids);
      CHECK(encoder.characters() == expected.characters);
      CHECK(counter.counts().counts() == whole.counts().counts());
    }
  }
}
