#pragma once
/// \file Pairs of sentences in numbers.

#include <nlohmann/json_fwd.hpp>

#include "unroll/data/batches.hpp"
#include "unroll/data/records.hpp"
#include "unroll/data/vocabulary.hpp"
#include "unroll/io/json.hpp"
#include "unroll/layers/encoder_decoder_options.hpp"

namespace unroll::translate {

using Words = std::vector<std::string>;
/// With a space between one and the next.
std::string joined(const Words& words);

/// How a model reads sentences; saved with it.
struct Reading {
  Vocabulary source, target;
  bool lowercase = false;

  static Reading of(const std::vector<TextPair>& pairs, bool lowercase, std::int64_t min_count);
  /// The same with the words that occur in these pairs, too; what it has keeps its number.
  Reading grown(const std::vector<TextPair>& pairs, std::int64_t min_count) const;
  /// The words of a sentence: what stands between spaces.
  Words words(std::string_view text) const;

  void to_json(nlohmann::ordered_json& json) const;
  /// Errors: DataError that begins with the value's place.
  static Reading from_json(const io::JsonValue& value);
};

/// Pairs as a model reads them.
struct Corpus {
  std::vector<std::vector<std::int64_t>> source, target;
  std::vector<Words> references;                        ///< the targets in words
  std::int64_t symbols = 0;                             ///< words of the targets, and their ends
  std::int64_t unknown_source = 0, unknown_target = 0;  ///< words that the model does not know

  std::int64_t size() const { return static_cast<std::int64_t>(source.size()); }
  /// What pairs are sorted into batches by.
  std::vector<std::int64_t> lengths() const;
};

Corpus encode(const std::vector<TextPair>& pairs, const Reading& reading);

/// The pairs numbered `which`, as one batch.
SequencePairs make_batch(const Corpus& corpus, std::span<const std::int64_t> which);
/// The symbols in a batch's targets and their ends.
std::int64_t symbols_in(const SequencePairs& batch);

}  // namespace unroll::translate
