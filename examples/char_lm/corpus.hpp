#pragma once
/// \file The text of a run: read, cut into symbols, numbered, split.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "unroll/data/bpe.hpp"
#include "unroll/data/normalise.hpp"
#include "unroll/data/streams.hpp"
#include "unroll/data/symbols.hpp"
#include "unroll/data/text.hpp"
#include "unroll/io/json.hpp"

namespace unroll::char_lm {

/// How a model reads text; saved with it.
struct Reading {
  Encoding encoding = Encoding::utf8;
  Level level = Level::character;
  Vocabulary vocabulary = {};
  Normalisation normalise = Normalisation::none;
  BytePairs pairs = {};  ///< of subwords

  void to_json(nlohmann::ordered_json& json) const;
  /// Errors: DataError that begins with the value's place.
  static Reading from_json(const io::JsonValue& value);
};

/// How a new model is to read text.
struct ReadingWishes {
  Level level = Level::character;
  std::int64_t min_count = 0;      ///< 0: 2 for words, 1 for others
  std::int64_t vocabulary = 2000;  ///< of subwords
  Normalisation normalise = Normalisation::none;
};

/// A text in numbers.
struct Corpus {
  std::string name;
  std::vector<std::string> notes = {};  ///< what was not plain about the text, in words
  std::string checksum = {};            ///< of the characters: tells texts apart
  SymbolIds ids = {};
  std::int64_t characters = 0;  ///< of the symbols in `ids`
  std::int64_t unknown = 0;     ///< symbols that are not in the vocabulary
  std::string index = {};       ///< where the numbers lie and how they came there, in words; empty: in memory
};

/// Where a text is, and where its numbers are to lie.
struct TextPlace {
  std::string text;        ///< a file; empty: the built-in text
  std::string index = {};  ///< a file that is made, or used if it is of this text; empty: memory
};

/// Reads a text and finds its vocabulary: all symbols that occur often enough, or subwords. A text that is large is read
/// by pieces, twice, with how far it is on standard output; one whose index is there already is not read.
/// Errors: DataError if a file cannot be read or written, or the text is empty; UsageError if nothing occurs often
///         enough, or --vocabulary is too small; Stopped.
std::pair<Corpus, Reading> read_new_corpus(const TextPlace& place, const ReadingWishes& wishes);

/// Reads a text as a model does that has been trained already. What it does not know is told in the notes. An index
/// serves if its text has `checksum` and the file is unchanged or gone.
/// Errors: DataError if the file cannot be read, is empty, or has nothing that the model knows; Stopped.
Corpus read_corpus(const TextPlace& place, const Reading& reading, std::string_view checksum = {});

/// Thrown where a signal asks to stop while a large text is read.
struct Stopped {
  int signal;
};

/// Whether a text is so large that its numbers belong into a file.
bool is_large(const std::string& path);

/// The characters that a model was trained on: those of the text without the part for validation.
/// Errors: DataError if the file cannot be read, or if the checksum of its characters is another.
std::string read_training_part(const std::string& path, const Reading& reading, double valid_fraction,
                               std::string_view checksum);

/// `65 characters`, `1 word`: a count of what `level` calls a symbol.
std::string count_of(std::int64_t n, Level level);
/// `char`, `word`, `token` or `subword`: what a symbol is called in units.
std::string unit_of(Level level);
/// The characters of symbols; an unknown one counts as one.
std::int64_t count_characters_of(const SymbolIds& ids, const Vocabulary& vocabulary);

}  // namespace unroll::char_lm
