#include "unroll/data/vocabulary.hpp"

#include <doctest/doctest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/data/symbols.hpp"
#include "unroll/data/tokens.hpp"

using namespace unroll;

namespace {

std::vector<std::string> split(std::string_view text, Level level) {
  std::vector<std::string> symbols;
  for_each_symbol(text, level, [&](std::string_view symbol) { symbols.emplace_back(symbol); });
  return symbols;
}

using Symbols = std::vector<std::string>;

}  // namespace

TEST_CASE("vocabulary: symbols are numbered by code point, whatever their order in the text") {
  for (const auto text : {"b\u00e9a\na\u20ac", "\u20aca\nb\u00e9"}) {
    const Vocabulary vocabulary(count_symbols(text, Level::character));
    CHECK(vocabulary.size() == 5);
    CHECK(vocabulary.symbol(0) == "\n");
    CHECK(vocabulary.symbol(1) == "a");
    CHECK(vocabulary.symbol(2) == "b");
    CHECK(vocabulary.symbol(3) == "\u00e9");
    CHECK(vocabulary.id("\u20ac") == 4);
  }
}

TEST_CASE("vocabulary: special symbols come first") {
  const Vocabulary vocabulary(count_symbols("ab", Level::character), {"<pad>", "<unk>", "<s>", "</s>"});
  CHECK(vocabulary.padding() == 0);
  CHECK(vocabulary.unknown() == 1);
  CHECK(vocabulary.start() == 2);
  CHECK(vocabulary.end() == 3);
  CHECK(vocabulary.id("a") == 4);
  CHECK(vocabulary.size() == 6);
}

TEST_CASE("vocabulary: without special symbols there are none") {
  const Vocabulary vocabulary(count_symbols("ab", Level::character));
  CHECK(!vocabulary.padding());
  CHECK(!vocabulary.unknown());
  CHECK(!vocabulary.start());
  CHECK(!vocabulary.end());
}

TEST_CASE("vocabulary: a symbol below the cut-off counts as unknown") {
  const Vocabulary vocabulary(count_symbols("aabbc", Level::character), {.unknown = "<unk>"}, 2);
  CHECK(vocabulary.size() == 3);
  CHECK(vocabulary.id("c") == 0);
  CHECK(!vocabulary.find("c"));
}

TEST_CASE("vocabulary: a cut-off without an unknown symbol is refused") {
  CHECK_THROWS_WITH_AS(
      Vocabulary(count_symbols("aab", Level::character), {}, 2),
      "vocabulary: min_count 2 cuts off 'b' (U+0062): name an unknown symbol to stand for it", UsageError);
  CHECK_THROWS_AS(Vocabulary(count_symbols("a", Level::character), {}, 0), UsageError);
}

TEST_CASE("vocabulary: an unknown symbol and a number out of range are named") {
  const Vocabulary vocabulary(count_symbols("ab", Level::character));
  CHECK_THROWS_WITH_AS(vocabulary.id("\u00e9"), "vocabulary: '\u00e9' (U+00E9) is not among its 2 symbols",
                       DataError);
  CHECK_THROWS_WITH_AS(vocabulary.symbol(2), "vocabulary: need an id in [0, 2); got 2", IndexError);
  CHECK_THROWS_AS(vocabulary.symbol(-1), IndexError);
}

TEST_CASE("vocabulary: it survives the way through JSON text") {
  const Vocabulary before(count_symbols("b\u00e9\n\"a", Level::character), {.unknown = "<unk>"});
  const auto after = Vocabulary::from_json(nlohmann::ordered_json::parse(before.to_json().dump()), "model");
  REQUIRE(after.size() == before.size());
  for (std::int64_t id = 0; id < before.size(); ++id) CHECK(after.symbol(id) == before.symbol(id));
  CHECK(after.unknown() == before.unknown());
  CHECK(!after.padding());
}

TEST_CASE("vocabulary: a word of a text that reads like a special symbol is not that symbol") {
  SymbolCounts counts;
  for (const char* word : {"<pad>", "</s>", "<unk>", "a"}) counts.add(word);
  const Vocabulary vocabulary(counts, {"<pad>", "<unk>", "<s>", "</s>"});
  CHECK(vocabulary.size() == 8);
  const std::array<std::int64_t, 4> special = {*vocabulary.padding(), *vocabulary.unknown(),
                                               *vocabulary.start(), *vocabulary.end()};
  CHECK(special == std::array<std::int64_t, 4>{0, 1, 2, 3});
  for (const char* word : {"<pad>", "</s>", "<unk>", "a"}) {
    REQUIRE(vocabulary.find(word).has_value());
    CHECK(*vocabulary.find(word) >= 4);
    CHECK(vocabulary.symbol(vocabulary.id(word)) == word);
  }
  CHECK(!vocabulary.find("<s>"));  // not in the text
  CHECK(vocabulary.id("<s>") == vocabulary.unknown());
}

TEST_CASE("vocabulary: a text of padding's name alone, cut off, is unknown words") {
  SymbolCounts counts;
  counts.add("<pad>");
  const SpecialSymbols special{.padding = "<pad>", .unknown = "<unk>"};
  const Vocabulary rare(counts, special, 2), often(counts, special);
  CHECK(rare.size() == 2);
  CHECK(ids_of(split_words("<pad> <pad>"), rare) == std::vector<std::int64_t>{1, 1});
  CHECK(ids_of(split_words("<pad> <pad>"), often) == std::vector<std::int64_t>{2, 2});
}

TEST_CASE("vocabulary: the end symbol's name inside a target does not end it, before and after saving") {
  SymbolCounts counts;
  for (const char* word : {"x", "</s>", "y"}) counts.add(word);
  const Vocabulary before(counts, {"<pad>", "<unk>", "<s>", "</s>"});
  const auto after = Vocabulary::from_json(nlohmann::ordered_json::parse(before.to_json().dump()), "model");
  for (const Vocabulary& vocabulary : {before, after}) {
    CHECK(vocabulary.end() == 3);
    CHECK(ids_of(split_words("x </s> y"), vocabulary) == std::vector<std::int64_t>{5, 4, 6});
    CHECK(vocabulary.symbol(4) == "</s>");
  }
}

TEST_CASE(
    "vocabulary: one saved when no word could have a special symbol's name reads such words as unknown") {
  const auto saved = Vocabulary::from_json(
      nlohmann::ordered_json::parse(
          R"({"special": {"unknown": "<unk>", "end": "</s>"}, "symbols": ["<unk>", "</s>", "a"]})"),
      "model");
  CHECK(saved.unknown() == 0);
  CHECK(saved.end() == 1);
  CHECK(ids_of(split_words("a </s> <unk>"), saved) == std::vector<std::int64_t>{2, 0, 0});
}

TEST_CASE("vocabulary: damaged JSON is a readable error") {
  const auto load = [](const char* text) {
    return Vocabulary::from_json(nlohmann::ordered_json::parse(text), "m");
  };
  CHECK_THROWS_AS(load("[]"), DataError);
  CHECK_THROWS_AS(load(R"({"symbols": 3})"), DataError);
  CHECK_THROWS_AS(load(R"({"symbols": ["a", 1]})"), DataError);
  CHECK_THROWS_AS(load(R"({"special": 1, "symbols": []})"), DataError);
  CHECK_THROWS_WITH_AS(load(R"({"symbols": ["a", "a"]})"),
                       "m: vocabulary: the symbol 'a' (U+0061) stands twice", DataError);
  CHECK_THROWS_WITH_AS(load(R"({"special": {"unknown": "?"}, "symbols": ["a"]})"),
                       "m: vocabulary: the unknown symbol '?' is not among the symbols", DataError);
}

TEST_CASE("symbols: characters are code points") {
  CHECK(split("a\u00e9\U0001F600", Level::character) == Symbols{"a", "\u00e9", "\U0001F600"});
}

#ifdef UNROLL_NO_UTF8PROC
constexpr bool without_words = true;
TEST_CASE("symbols: a build without utf8proc says that it has no words") {
  CHECK_THROWS_WITH_AS(split("a b", Level::word),
                       "word: this library was built without utf8proc (UNROLL_UTF8PROC=OFF)", UsageError);
}
#else
constexpr bool without_words = false;
#endif

TEST_CASE("symbols: a word carries the space before it, and a character that joins nothing stands alone" *
          doctest::skip(without_words)) {
  CHECK(split("the cat's na\u00efve, said  he.\n I", Level::word) ==
        Symbols{"the", " cat's", " na\u00efve", ",", " said", " ", " he", ".", "\n", " I"});
  CHECK(split("\u2014 \u201cyes\u201d ", Level::word) == Symbols{"\u2014", " \u201c", "yes", "\u201d", " "});
}

TEST_CASE("symbols: letters, signs and marks are what Unicode says they are" * doctest::skip(without_words)) {
  CHECK(split("यह सही है।", Level::word) == Symbols{"यह", " सही", " है", "।"});
  CHECK(split("نعم، صحيح؟", Level::word) == Symbols{"نعم", "،", " صحيح", "؟"});
  CHECK(split("Այո, ճիշտ է։", Level::word) == Symbols{"Այո", ",", " ճիշտ", " է", "։"});
  CHECK(split("τι\u037e ναι\u0387", Level::word) == Symbols{"τι", "\u037e", " ναι", "\u0387"});
  CHECK(split("한국어 문장.", Level::word) == Symbols{"한국어", " 문장", "."});
  CHECK(split("e\u0301te\u0301 m² H₂O Ⅷ", Level::word) == Symbols{"e\u0301te\u0301", " m²", " H₂O", " Ⅷ"});
}

TEST_CASE("symbols: joiners, soft hyphens and apostrophes stand inside words" *
          doctest::skip(without_words)) {
  for (const auto* joined : {"می\u200cخواهم", "क्\u200dष", "co\u00adop", "a\u2060b", "don't", "don\u2019t",
                             "դ\u055aԱրտանյան", "ג\u05f3ירפה"})
    CHECK_MESSAGE(split(joined, Level::word) == Symbols{joined}, joined);
  CHECK(split("a\u200bb", Level::word) == Symbols{"a", "\u200b", "b"});  // a space, though of no width
}

TEST_CASE("symbols: scripts without spaces go by characters, each with its marks" *
          doctest::skip(without_words)) {
  CHECK(split("日本語の", Level::word) == Symbols{"日", "本", "語", "の"});
  CHECK(split("葛\U000E0100城", Level::word) == Symbols{"葛\U000E0100", "城"});  // a variant
  CHECK(split("ที่นี่ กำ", Level::word) == Symbols{"ที่", "นี่", " กำ"});
  CHECK(split("ກຳລັງ", Level::word) == Symbols{"ກຳ", "ລັ", "ງ"});
  CHECK(split("ភាសា។", Level::word) == Symbols{"ភា", "សា", "។"});
  CHECK(split("မြန်မာ။", Level::word) == Symbols{"မြ", "န်", "မာ", "။"});
  CHECK(split("བོད་སྐད།", Level::word) == Symbols{"བོ", "ད", "་", "སྐ", "ད", "།"});
}

TEST_CASE("symbols: what is one sign to the eye is one symbol" * doctest::skip(without_words)) {
  CHECK(split("👩\u200d👧🇩🇪👍🏽!", Level::word) == Symbols{"👩\u200d👧", "🇩🇪", "👍🏽", "!"});
}

TEST_CASE("symbols: tokens stand between blanks, and the end of a line is one") {
  CHECK(split(" no it was n't <unk> \n\n $ N.\tit\r\n x", Level::token) ==
        Symbols{"no", "it", "was", "n't", "<unk>", "\n", "\n", "$", "N.", "it", "\n", "x"});
  CHECK(split("", Level::token).empty());
  CHECK(split(" \t ", Level::token).empty());
  CHECK(split("यह।\u00a0है", Level::token).size() == 1);
}

TEST_CASE("symbols: tokens are written with spaces between them, and other symbols as they are" *
          doctest::skip(without_words)) {
  const auto written = [](std::string_view text, Level level, std::string_view before = {}) {
    SymbolWriter text_of(level, before);
    std::string joined;
    for_each_symbol(text, level, [&](std::string_view symbol) { joined += text_of(symbol); });
    return joined;
  };
  CHECK(written("  a b  c \n d\n\ne", Level::token) == "a b c\nd\n\ne");
  CHECK(written("a", Level::token, "x") == " a");
  CHECK(written("a", Level::token, "x ") == "a");
  CHECK(written("\na", Level::token, "x") == "\na");
  CHECK(written(" a  b\n c", Level::word, "x") == " a  b\n c");
}

TEST_CASE("symbols: joined, they are the text" * doctest::skip(without_words)) {
  const std::string text =
      "  Tab\there;\r\n\n'quoted' \u00abok\u00bb 3.14  \u65e5\u672c x\u0301 \u0301\u0301 है। ที่ "
      "🇩\u200b\ufeff\u200d ";
  for (const Level level : {Level::character, Level::word}) {
    std::string joined;
    for (const auto& symbol : split(text, level)) joined += symbol;
    CHECK(joined == text);
  }
}

TEST_CASE("symbols: what the vocabulary does not know is left out, counted and described") {
  const Vocabulary vocabulary(count_symbols("abc", Level::character));
  const Encoded encoded = encode_symbols("axb\u00e9xc", Level::character, vocabulary);
  CHECK(encoded.ids == std::vector<std::int64_t>{0, 1, 2});
  CHECK(encoded.characters == 3);
  CHECK(encoded.unknown == 3);
  CHECK(describe_unknown(encoded, Level::character) ==
        "3 unknown characters ('x' (U+0078), '\u00e9' (U+00E9), ...)");
  CHECK(describe_unknown(encode_symbols("abc", Level::character, vocabulary), Level::character) == "");
}

TEST_CASE("symbols: with an unknown symbol nothing is left out" * doctest::skip(without_words)) {
  const Vocabulary vocabulary(count_symbols("to be", Level::word), {.unknown = "<unk>"});
  const Encoded encoded = encode_symbols("to see be", Level::word, vocabulary);
  CHECK(encoded.ids.size() == 3);
  CHECK(encoded.ids[1] == vocabulary.unknown());
  CHECK(describe_unknown(encoded, Level::word) == "1 unknown word (' see')");
}

TEST_CASE("symbols: levels have names") {
  CHECK(level_named(name_of(Level::character)) == Level::character);
  CHECK(level_named(name_of(Level::word)) == Level::word);
  CHECK(level_named(name_of(Level::token)) == Level::token);
  CHECK(level_named(name_of(Level::subword)) == Level::subword);
  CHECK(noun_of(Level::subword) == "subword");
  CHECK(noun_of(Level::character) == "character");
  CHECK_THROWS_AS(level_named("byte"), DataError);
}

TEST_CASE("vocabulary: a text in the place of a list of symbols is refused") {
  CHECK_THROWS_WITH_AS(Vocabulary::from_json(nlohmann::ordered_json::parse(R"({"symbols":"abc"})"), "m"),
                       "m: no vocabulary: need an array of symbols", DataError);
}

TEST_CASE("vocabulary: an extended one keeps its numbers and adds what is new in the order of bytes") {
  SymbolCounts first, second;
  for (const char* symbol : {"b", "d"}) first.add(symbol);
  for (const char* symbol : {"c", "a", "a", "b", "z"}) second.add(symbol);
  const Vocabulary before(first, {.unknown = "?"}), after = before.extended(second);
  CHECK(after.size() == 6);
  for (std::int64_t k = 0; k < before.size(); ++k) CHECK(after.symbol(k) == before.symbol(k));
  CHECK(after.find("a") == 3);
  CHECK(after.find("c") == 4);
  CHECK(after.find("z") == 5);
  CHECK(after.unknown() == 0);
  CHECK(before.extended(second, 2).size() == 4);
  CHECK(Vocabulary::from_json(after.to_json(), "v").find("z") == 5);
  CHECK_THROWS_AS(before.extended(second, 0), UsageError);
}
