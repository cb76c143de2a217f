#pragma once
/// \file Pairs of sentences in numbers.

#include <nlohmann/json_fwd.hpp>

#include "unroll/data/batches.hpp"
#include "unroll/data/bpe.hpp"
#include "unroll/data/normalise.hpp"
#include "unroll/data/records.hpp"
#include "unroll/data/symbols.hpp"
#include "unroll/data/vocabulary.hpp"
#include "unroll/io/json.hpp"
#include "unroll/layers/encoder_decoder_options.hpp"

namespace unroll::translate {

using Words = std::vector<std::string>;
/// With a space between one and the next.
std::string joined(const Words& words);

/// What a model reads and says.
enum class Side { source, target };

/// A sentence as a model reads it.
struct Symbols {
  std::vector<std::int64_t> ids;
  Words texts = {};          ///< of each
  std::int64_t unknown = 0;  ///< that the model does not know
};

/// How a new model is to read sentences.
struct ReadingWishes {
  bool lowercase = false;
  std::int64_t min_count = 1;
  Level level = Level::word;
  std::int64_t vocabulary = 2000;  ///< of subwords, on either side
  Normalisation normalise = Normalisation::none;
};

/// How a model reads sentences; saved with it.
struct Reading {
  Vocabulary source = {}, target = {};
  bool lowercase = false;
  Level level = Level::word;
  Normalisation normalise = Normalisation::none;
  BytePairs source_pairs = {}, target_pairs = {};  ///< of subwords

  static Reading of(const std::vector<TextPair>& pairs, const ReadingWishes& wishes);
  static Reading of(const std::vector<TextPair>& pairs, bool lowercase, std::int64_t min_count) {
    return of(pairs, {.lowercase = lowercase, .min_count = min_count});
  }
  /// The same with what occurs in these pairs, too; what it has keeps its number.
  Reading grown(const std::vector<TextPair>& pairs, std::int64_t min_count) const;
  /// The words of a sentence: what stands between spaces.
  Words words(std::string_view text) const;
  /// Its symbols: the words, or their subwords.
  Symbols symbols(std::string_view text, Side side) const;
  /// The words that symbols spell.
  Words words_of(std::span<const std::int64_t> ids, Side side) const;
  /// `word` or `subword`.
  std::string unit() const { return std::string(noun_of(level)); }

  void to_json(nlohmann::ordered_json& json) const;
  /// Errors: DataError that begins with the value's place.
  static Reading from_json(const io::JsonValue& value);
};

/// Pairs as a model reads them.
struct Corpus {
  std::vector<std::vector<std::int64_t>> source, target;
  std::vector<Words> references;  ///< the targets in words
  std::int64_t symbols = 0;       ///< of the targets, and their ends
  std::int64_t characters = 0;    ///< of the targets' words with a space between two, and their ends
  std::int64_t unknown_source = 0, unknown_target = 0;  ///< symbols that the model does not know

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
