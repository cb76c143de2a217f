#include "char_lm/corpus.hpp"

#include <nlohmann/json.hpp>

#include "char_lm/default_text.hpp"
#include "common/saved_run.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/train/progress.hpp"

namespace unroll::char_lm {
namespace {

/// The last line of a text has an end, as the others: it is a token.
void end_last_line(std::string& characters) {
  if (!characters.empty() && !characters.ends_with('\n')) characters += '\n';
}

std::pair<Corpus, Text> read_text(const std::string& path, std::optional<Encoding> encoding, Level level) {
  const std::string name = path.empty() ? "the built-in text" : path;
  Text text = path.empty() ? decode_text(default_text(), name, encoding)
                           : decode_text(read_bytes(path), name, encoding);
  if (text.characters.empty()) raise<DataError>("{}: the text is empty", name);
  if (level == Level::token) end_last_line(text.characters);
  Corpus corpus{
      .name = name, .notes = text.notes, .checksum = program::checksum_of(text.characters), .symbols = {}};
  return {std::move(corpus), std::move(text)};
}

/// Errors: DataError if the words of a saved vocabulary are not those that a text is cut into now.
void check_word_rules(const io::JsonValue& reading) {
  constexpr const char* key = "word_rules";
  const auto saved = reading.contains(key) ? reading.at(key).integer<std::int64_t>() : 1;
  if (saved != word_rules)
    raise<DataError>(
        "{}: {}: its model has learned words by rules {}, and this program cuts texts by rules {}: train it "
        "again",
        reading.place(), key, saved, word_rules);
}

}  // namespace

void Reading::to_json(nlohmann::ordered_json& json) const {
  json = {{"encoding", name_of(encoding)}, {"level", name_of(level)}, {"vocabulary", vocabulary.to_json()}};
  if (level == Level::word) json["word_rules"] = word_rules;
}

Reading Reading::from_json(const io::JsonValue& value) {
  const std::array encodings{name_of(Encoding::utf8), name_of(Encoding::bytes)};
  const std::array levels{name_of(Level::character), name_of(Level::word), name_of(Level::token)};
  const Level level = level_named(value.at("level").one_of(levels));
  if (level == Level::word) check_word_rules(value);
  return {.encoding = encoding_named(value.at("encoding").one_of(encodings)),
          .level = level,
          .vocabulary = program::read_vocabulary(value.at("vocabulary"), {})};
}

std::pair<Corpus, Reading> read_new_corpus(const std::string& path, Level level, std::int64_t min_count) {
  auto [corpus, text] = read_text(path, {}, level);
  if (min_count == 0) min_count = level == Level::word ? 2 : 1;
  const SpecialSymbols special{.unknown = min_count > 1 ? "<unknown>" : ""};
  Reading reading{.encoding = text.encoding,
                  .level = level,
                  .vocabulary = Vocabulary(count_symbols(text.characters, level), special, min_count)};
  if (reading.vocabulary.unknown() && reading.vocabulary.size() == 1)
    raise<UsageError>("--min-count {}: no {} of {} occurs so often; take a smaller number", min_count,
                      noun_of(level), corpus.name);
  corpus.symbols = encode_symbols(text.characters, level, reading.vocabulary);
  return {std::move(corpus), std::move(reading)};
}

Corpus read_corpus(const std::string& path, const Reading& reading) {
  auto [corpus, text] = read_text(path, reading.encoding, reading.level);
  corpus.symbols = encode_symbols(text.characters, reading.level, reading.vocabulary);
  if (corpus.symbols.unknown > 0)
    corpus.notes.push_back(fmt::format("{}: {} {}", corpus.name,
                                       describe_unknown(corpus.symbols, reading.level),
                                       reading.vocabulary.unknown() ? "count as <unknown>" : "are left out"));
  if (corpus.symbols.ids.empty())
    raise<DataError>("{}: the model knows no {} of it", corpus.name, noun_of(reading.level));
  return corpus;
}

std::string read_training_part(const std::string& path, const Reading& reading, double valid_fraction,
                               std::string_view checksum) {
  auto [corpus, text] = read_text(path, reading.encoding, reading.level);
  if (corpus.checksum != checksum)
    raise<DataError>("{}: no longer the text that the model has learned", corpus.name);
  std::int64_t symbols = 0;
  for_each_symbol(text.characters, reading.level, [&](std::string_view) { ++symbols; });
  std::int64_t left = split_by_position(symbols, valid_fraction).train;
  std::size_t length = 0;
  for_each_symbol(text.characters, reading.level,
                  [&, begin = text.characters.data()](std::string_view symbol) {
                    if (left-- > 0) length = static_cast<std::size_t>(symbol.data() + symbol.size() - begin);
                  });
  text.characters.resize(length);
  return std::move(text.characters);
}

std::string count_of(std::int64_t n, Level level) { return counted(n, noun_of(level)); }

}  // namespace unroll::char_lm
