#include "translate/corpus.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "common/saved_run.hpp"
#include "unroll/data/lower_case.hpp"
#include "unroll/data/tokens.hpp"

namespace unroll::translate {

using json = nlohmann::ordered_json;

std::string joined(const Words& words) { return fmt::format("{}", fmt::join(words, " ")); }

namespace {

/// The words of the sources, and of the targets.
std::pair<SymbolCounts, SymbolCounts> count(const std::vector<TextPair>& pairs, const Reading& reading) {
  SymbolCounts source, target;
  for (const TextPair& pair : pairs) {
    for (const auto& word : reading.words(pair.source)) source.add(word);
    for (const auto& word : reading.words(pair.target)) target.add(word);
  }
  return {std::move(source), std::move(target)};
}

}  // namespace

Reading Reading::grown(const std::vector<TextPair>& pairs, std::int64_t min_count) const {
  const auto [in_sources, in_targets] = count(pairs, *this);
  Reading result = *this;
  result.source = source.extended(in_sources, min_count);
  result.target = target.extended(in_targets, min_count);
  return result;
}

Reading Reading::of(const std::vector<TextPair>& pairs, bool lowercase, std::int64_t min_count) {
  Reading reading;
  reading.lowercase = lowercase;
  const auto [source, target] = count(pairs, reading);
  const SpecialSymbols special{.padding = "<pad>", .unknown = "<unknown>", .start = "<s>", .end = "</s>"};
  reading.source = Vocabulary(source, special, min_count);
  reading.target = Vocabulary(target, special, min_count);
  return reading;
}

Words Reading::words(std::string_view text) const {
  const std::string small = lowercase ? lower_case(text) : std::string(text);
  const auto words = split_words(small);
  return {words.begin(), words.end()};
}

void Reading::to_json(json& value) const {
  value = {{"lowercase", lowercase}, {"source", source.to_json()}, {"target", target.to_json()}};
}

Reading Reading::from_json(const io::JsonValue& value) {
  const program::NeededSymbols all{.padding = true, .unknown = true, .start = true, .end = true};
  return {.source = program::read_vocabulary(value.at("source"), all),
          .target = program::read_vocabulary(value.at("target"), all),
          .lowercase = value.at("lowercase").boolean()};
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
    corpus.source.push_back(ids_of(reading.words(pair.source), reading.source));
    corpus.references.push_back(reading.words(pair.target));
    corpus.target.push_back(ids_of(corpus.references.back(), reading.target));
    corpus.symbols += std::ssize(corpus.target.back()) + 1;
    for (const auto id : corpus.source.back()) corpus.unknown_source += id == reading.source.unknown();
    for (const auto id : corpus.target.back()) corpus.unknown_target += id == reading.target.unknown();
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
