#pragma once
/// \file The text of a run: read, cut into symbols, numbered, split.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "unroll/data/streams.hpp"
#include "unroll/data/symbols.hpp"
#include "unroll/data/text.hpp"
#include "unroll/data/vocabulary.hpp"
#include "unroll/io/json.hpp"

namespace unroll::char_lm {

/// How a model reads text; saved with it.
struct Reading {
  Encoding encoding = Encoding::utf8;
  Level level = Level::character;
  Vocabulary vocabulary;

  void to_json(nlohmann::ordered_json& json) const;
  /// Errors: DataError that begins with the value's place.
  static Reading from_json(const io::JsonValue& value);
};

/// A text in numbers.
struct Corpus {
  std::string name;
  std::vector<std::string> notes;  ///< what was not plain about the text, in words
  std::string checksum;            ///< of the characters: tells texts apart
  Encoded symbols;
};

/// Reads the file at `path`, or the built-in text if it is empty, and finds its vocabulary: all symbols that
/// occur `min_count` times; 0 means 2 for words, 1 for others.
/// Errors: DataError if the file cannot be read or is empty; UsageError if nothing occurs `min_count` times.
std::pair<Corpus, Reading> read_new_corpus(const std::string& path, Level level, std::int64_t min_count);

/// Reads a text as a model does that has been trained already. What it does not know is told in the notes.
/// Errors: DataError if the file cannot be read, is empty, or has nothing that the model knows.
Corpus read_corpus(const std::string& path, const Reading& reading);

/// The characters that a model was trained on: those of the text without the part for validation.
/// Errors: DataError if the file cannot be read, or if the checksum of its characters is another.
std::string read_training_part(const std::string& path, const Reading& reading, double valid_fraction,
                               std::string_view checksum);

/// `65 characters`, `1 word`: a count of what `level` calls a symbol.
std::string count_of(std::int64_t n, Level level);

}  // namespace unroll::char_lm
