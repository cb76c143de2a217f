#pragma once
/// \file Tagged sentences in numbers.

#include <nlohmann/json_fwd.hpp>

#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/data/batches.hpp"
#include "unroll/data/normalise.hpp"
#include "unroll/data/records.hpp"
#include "unroll/data/vocabulary.hpp"
#include "unroll/io/json.hpp"

namespace unroll::tag {

/// How a model reads sentences; saved with it.
struct Reading {
  Vocabulary words, characters, tags;
  Normalisation normalise = Normalisation::none;

  /// What sentences are made of. Words that occur `min_count` times, and characters that occur twice, are
  /// known.
  /// Errors: UsageError if no word occurs so often.
  static Reading of(const std::vector<TaggedSentence>& sentences, std::int64_t min_count,
                    Normalisation form = Normalisation::none);
  /// The same with what occurs in these sentences, too; what it has keeps its number.
  Reading grown(const std::vector<TaggedSentence>& sentences, std::int64_t min_count) const;
  void to_json(nlohmann::ordered_json& json) const;
  /// Errors: DataError that begins with the value's place.
  static Reading from_json(const io::JsonValue& value);
};

/// A word wherever it stands.
struct WordType {
  std::int64_t id;  ///< in the vocabulary
  std::vector<std::int64_t> characters;
  std::int64_t occurrences = 0;
};

/// The tag of words whose tag the model does not know. A loss ignores it.
constexpr std::int64_t unknown_tag = -100;

struct Corpus {
  std::vector<WordType> types;
  std::vector<std::vector<std::int64_t>> words;  ///< of each sentence: numbers of types
  std::vector<std::vector<std::int64_t>> tags;
  std::int64_t tokens = 0;
  std::int64_t unknown_tags = 0;  ///< words whose tag the model does not know
  std::string first_unknown_tag;  ///< as a message shows it

  std::vector<std::int64_t> lengths() const;
};

/// Sentences as a model reads them. Where they have no tags, there are none.
Corpus encode(const std::vector<TaggedSentence>& sentences, const Reading& reading);

/// A batch of B sentences of up to T words, of which U differ, of up to C characters.
struct Batch {
  Indices lengths;            ///< (B,)
  Indices words;              ///< (T, B), in the vocabulary
  Indices characters;         ///< (C, U)
  Indices character_lengths;  ///< (U,)
  Indices spelling;           ///< (T, B), which of the U
  Indices tags;               ///< (T, B), unknown_tag beyond the end of a sentence
  std::int64_t tokens = 0;    ///< words that have a tag
};

/// Words that occur once are taken for unknown with probability `share`, so that a model learns what an
/// unknown word is.
struct WordDropout {
  double share = 0;
  std::int64_t unknown = 0;
  RandomKey key = {};
};

/// The sentences numbered `which`, as one batch.
Batch make_batch(const Corpus& corpus, std::span<const std::int64_t> which, const WordDropout& dropout = {});

}  // namespace unroll::tag
