#include "tag/corpus.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/saved_run.hpp"
#include "unroll/data/tokens.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::tag {
namespace {

const SpecialSymbols with_unknown{.unknown = "<unknown>"};

/// Numbers types in the order in which they are first seen.
class Types {
 public:
  Types(Corpus& corpus, const Reading& reading) : corpus_(corpus), reading_(reading) {}

  std::int64_t number(const std::string& word) {
    const auto [found, is_new] = numbers_.emplace(word, std::ssize(corpus_.types));
    if (is_new)
      corpus_.types.push_back(
          {.id = reading_.words.id(word), .characters = ids_of(split_characters(word), reading_.characters)});
    ++corpus_.types[static_cast<std::size_t>(found->second)].occurrences;
    return found->second;
  }

 private:
  Corpus& corpus_;
  const Reading& reading_;
  StringMap<std::int64_t> numbers_;
};

struct Counts {
  SymbolCounts words, characters, tags;
};
Counts count(const std::vector<TaggedSentence>& sentences, Normalisation form) {
  Counts counts;
  for (const auto& sentence : sentences) {
    for (const auto& spelled : sentence.words) {
      const std::string word = unroll::normalise(spelled, form);
      counts.words.add(word);
      for (const auto character : split_characters(word)) counts.characters.add(character);
    }
    for (const auto& tag : sentence.tags) counts.tags.add(tag);
  }
  return counts;
}

}  // namespace

Reading Reading::of(const std::vector<TaggedSentence>& sentences, std::int64_t min_count,
                    Normalisation form) {
  const auto [words, characters, tags] = count(sentences, form);
  Reading reading{.words = Vocabulary(words, with_unknown, min_count),
                  .characters = Vocabulary(characters, with_unknown, 2),
                  .tags = Vocabulary(tags),
                  .normalise = form};
  if (reading.words.size() == 1)
    raise<UsageError>("--min-count {}: no word occurs so often; take a smaller number", min_count);
  return reading;
}

Reading Reading::grown(const std::vector<TaggedSentence>& sentences, std::int64_t min_count) const {
  const Counts counts = count(sentences, normalise);
  return {.words = words.extended(counts.words, min_count),
          .characters = characters.extended(counts.characters, 2),
          .tags = tags.extended(counts.tags),
          .normalise = normalise};
}

void Reading::to_json(nlohmann::ordered_json& json) const {
  json = {{"words", words.to_json()}, {"characters", characters.to_json()}, {"tags", tags.to_json()}};
  if (normalise != Normalisation::none) json["normalise"] = name_of(normalise);
}

Reading Reading::from_json(const io::JsonValue& value) {
  const std::array forms{name_of(Normalisation::none), name_of(Normalisation::nfc)};
  Reading reading{.words = program::read_vocabulary(value.at("words"), {.unknown = true}),
                  .characters = program::read_vocabulary(value.at("characters"), {.unknown = true}),
                  .tags = program::read_vocabulary(value.at("tags"), {})};
  if (value.contains("normalise"))
    reading.normalise = normalisation_named(value.at("normalise").one_of(forms));
  return reading;
}

std::vector<std::int64_t> Corpus::lengths() const {
  std::vector<std::int64_t> lengths;
  for (const auto& sentence : words) lengths.push_back(std::ssize(sentence));
  return lengths;
}

Corpus encode(const std::vector<TaggedSentence>& sentences, const Reading& reading) {
  Corpus corpus;
  Types types(corpus, reading);
  for (const auto& sentence : sentences) {
    auto& words = corpus.words.emplace_back();
    for (const auto& word : sentence.words) words.push_back(types.number(normalise(word, reading.normalise)));
    auto& tags = corpus.tags.emplace_back();
    for (const auto& tag : sentence.tags) {
      tags.push_back(reading.tags.find(tag).value_or(unknown_tag));
      if (tags.back() == unknown_tag && corpus.unknown_tags++ == 0) corpus.first_unknown_tag = printable(tag);
    }
    corpus.tokens += std::ssize(words);
  }
  return corpus;
}

Batch make_batch(const Corpus& corpus, std::span<const std::int64_t> which, const WordDropout& dropout) {
  const PaddedTokens types = pad(corpus.words, -1, which);
  const PaddedTokens tags = pad(corpus.tags, unknown_tag, which);
  std::vector<std::uint32_t> chance(types.tokens.size());
  if (dropout.share > 0) random_words(dropout.key, chance);

  std::vector<std::int64_t> words(types.tokens.size()), spelling(types.tokens.size());
  std::vector<std::vector<std::int64_t>> spelled;
  std::unordered_map<std::int64_t, std::int64_t> places;
  for (std::size_t k = 0; k < types.tokens.size(); ++k) {
    if (types.tokens[k] < 0) continue;  // beyond the end: any number serves
    const WordType& type = corpus.types[static_cast<std::size_t>(types.tokens[k])];
    const bool dropped = type.occurrences == 1 && chance[k] < dropout.share * 0x1p32;
    words[k] = dropped ? dropout.unknown : type.id;
    const auto [place, is_new] = places.emplace(types.tokens[k], std::ssize(spelled));
    if (is_new) spelled.push_back(type.characters);
    spelling[k] = place->second;
  }
  const PaddedTokens characters = pad(spelled, 0);
  const Shape shape{types.steps, types.batch};
  return {.lengths = Indices(types.lengths),
          .words = Indices(shape, std::move(words)),
          .characters = Indices({characters.steps, characters.batch}, characters.tokens),
          .character_lengths = Indices(characters.lengths),
          .spelling = Indices(shape, std::move(spelling)),
          .tags = tags.steps == types.steps ? Indices(shape, tags.tokens) : Indices(),
          .tokens = std::ssize(tags.tokens) - std::ranges::count(tags.tokens, unknown_tag)};
}

}  // namespace unroll::tag
