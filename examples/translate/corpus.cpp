#include "translate/corpus.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <numeric>

#include "common/saved_run.hpp"
#include "unroll/data/lower_case.hpp"
#include "unroll/data/tokens.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::translate {

using json = nlohmann::ordered_json;

std::string joined(const Words& words) { return fmt::format("{}", fmt::join(words, " ")); }

namespace {

/// The vocabulary of sentences, and what cuts them into subwords.
void learn_side(const Words& sentences, const ReadingWishes& wishes, Vocabulary& vocabulary,
                BytePairs& pairs) {
  const SpecialSymbols special{.padding = "<pad>", .unknown = "<unknown>", .start = "<s>", .end = "</s>"};
  if (wishes.level != Level::subword) {
    SymbolCounts counts;
    for (const auto& sentence : sentences)
      for (const auto word : split_words(sentence)) counts.add(word);
    vocabulary = Vocabulary(counts, special, wishes.min_count);
    return;
  }
  BytePairLearner learner;
  for (const auto& sentence : sentences)
    for_each_symbol(sentence, Level::subword, [&](std::string_view piece) { learner.add(piece); });
  try {
    auto learned =
        learner.learn({.vocabulary = wishes.vocabulary, .special = special, .min_count = wishes.min_count});
    vocabulary = std::move(learned.vocabulary), pairs = std::move(learned.pairs);
  } catch (const UsageError& error) {
    raise<UsageError>("--vocabulary {}: {}; take a larger one, or a larger --min-count", wishes.vocabulary,
                      error.what());
  }
}

}  // namespace

Reading Reading::of(const std::vector<TextPair>& pairs, const ReadingWishes& wishes) {
  Reading reading{.lowercase = wishes.lowercase, .level = wishes.level, .normalise = wishes.normalise};
  Words source, target;
  for (const TextPair& pair : pairs) {
    source.push_back(joined(reading.words(pair.source)));
    target.push_back(joined(reading.words(pair.target)));
  }
  learn_side(source, wishes, reading.source, reading.source_pairs);
  learn_side(target, wishes, reading.target, reading.target_pairs);
  return reading;
}

Reading Reading::grown(const std::vector<TextPair>& pairs, std::int64_t min_count) const {
  SymbolCounts of_sources, of_targets;
  for (const TextPair& pair : pairs) {
    for (const auto& symbol : symbols(pair.source, Side::source).texts) of_sources.add(symbol);
    for (const auto& symbol : symbols(pair.target, Side::target).texts) of_targets.add(symbol);
  }
  Reading result = *this;
  result.source = source.extended(of_sources, min_count);
  result.target = target.extended(of_targets, min_count);
  return result;
}

Words Reading::words(std::string_view text) const {
  const std::string normal = unroll::normalise(std::string(text), normalise);
  const std::string small = lowercase ? lower_case(normal) : normal;
  const auto words = split_words(small);
  return {words.begin(), words.end()};
}

Symbols Reading::symbols(std::string_view text, Side side) const {
  const Vocabulary& vocabulary = side == Side::source ? source : target;
  Symbols result{.ids = {}, .texts = words(text)};
  if (level == Level::subword) {
    const BytePairs& pairs = side == Side::source ? source_pairs : target_pairs;
    const std::string sentence = joined(result.texts);
    result.texts.clear();
    for_each_symbol(sentence, level, [&](std::string_view piece) {
      for (const auto& part : pairs.split(piece, vocabulary)) result.texts.emplace_back(part.text);
    });
  }
  for (const auto& symbol : result.texts) {
    result.ids.push_back(vocabulary.id(symbol));
    result.unknown += vocabulary.find(symbol) ? 0 : 1;
  }
  return result;
}

Words Reading::words_of(std::span<const std::int64_t> ids, Side side) const {
  const Vocabulary& vocabulary = side == Side::source ? source : target;
  std::string text;
  for (const auto id : ids)
    text += (level == Level::word && !text.empty() ? " " : "") + vocabulary.symbol(id);
  const auto words = split_words(text);
  return {words.begin(), words.end()};
}

void Reading::to_json(json& value) const {
  value = {{"lowercase", lowercase}, {"source", source.to_json()}, {"target", target.to_json()}};
  if (normalise != Normalisation::none) value["normalise"] = name_of(normalise);
  if (level != Level::subword) return;
  value["level"] = name_of(level);
  value["word_rules"] = word_rules;
  value["source_pairs"] = source_pairs.to_json(), value["target_pairs"] = target_pairs.to_json();
}

Reading Reading::from_json(const io::JsonValue& value) {
  const program::NeededSymbols all{.padding = true, .unknown = true, .start = true, .end = true};
  const std::array levels{name_of(Level::word), name_of(Level::subword)};
  const std::array forms{name_of(Normalisation::none), name_of(Normalisation::nfc)};
  Reading reading{.source = program::read_vocabulary(value.at("source"), all),
                  .target = program::read_vocabulary(value.at("target"), all),
                  .lowercase = value.at("lowercase").boolean()};
  if (value.contains("normalise"))
    reading.normalise = normalisation_named(value.at("normalise").one_of(forms));
  if (value.contains("level")) reading.level = level_named(value.at("level").one_of(levels));
  if (reading.level != Level::subword) return reading;
  value.at("word_rules").integer<std::int64_t>(word_rules, word_rules);
  const auto pairs = [&](const char* key, const Vocabulary& vocabulary) {
    return BytePairs::from_json(value.at(key).json(), vocabulary, value.at(key).place());
  };
  reading.source_pairs = pairs("source_pairs", reading.source);
  reading.target_pairs = pairs("target_pairs", reading.target);
  return reading;
}

std::vector<std::int64_t> Corpus::lengths() const {
  std::vector<std::int64_t> lengths;
  for (std::size_t k = 0; k < source.size(); ++k)
    lengths.push_back(std::ssize(source[k]) + std::ssize(target[k]));
  return lengths;
}

Corpus encode(const std::vector<TextPair>& pairs, const Reading& reading) {
  Corpus corpus;
  for (const TextPair& pair : pairs) {
    Symbols source = reading.symbols(pair.source, Side::source),
            target = reading.symbols(pair.target, Side::target);
    corpus.references.push_back(reading.words(pair.target));
    corpus.symbols += std::ssize(target.ids) + 1;
    corpus.characters += static_cast<std::int64_t>(count_characters(joined(corpus.references.back()))) + 1;
    corpus.unknown_source += source.unknown, corpus.unknown_target += target.unknown;
    corpus.source.push_back(std::move(source.ids)), corpus.target.push_back(std::move(target.ids));
  }
  return corpus;
}

SequencePairs make_batch(const Corpus& corpus, std::span<const std::int64_t> which) {
  const PaddedTokens source = pad(corpus.source, 0, which), target = pad(corpus.target, 0, which);
  return {Indices({source.steps, source.batch}, source.tokens), source.lengths,
          Indices({target.steps, target.batch}, target.tokens), target.lengths};
}

std::int64_t symbols_in(const SequencePairs& batch) {
  return std::accumulate(batch.target_lengths.begin(), batch.target_lengths.end(),
                         batch.target_lengths.size());
}

}  // namespace unroll::translate
