#pragma once
/// \file What classify learns from: labelled texts or sequences of real vectors, read, split and numbered.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "unroll/autograd/indices.hpp"
#include "unroll/data/normalise.hpp"
#include "unroll/data/records.hpp"
#include "unroll/data/series.hpp"
#include "unroll/data/symbols.hpp"
#include "unroll/io/json.hpp"

namespace unroll::classify {

/// Labelled examples as they stand in a file: texts, or else sequences of vectors.
struct Source {
  std::string name;
  std::vector<LabelledText> texts;
  SeriesSet series;

  bool is_series() const { return series.features > 0; }
  std::int64_t size() const { return std::ssize(texts) + std::ssize(series.series); }
  const std::string& label(std::int64_t i) const;
  const std::string& place(std::int64_t i) const;  ///< `file:line`
};

/// The examples of a folder with a file for each class, or of a file of lines `label TAB text`.
Source read_texts(const std::string& path);
/// Those of a file of sequences. All errors of reading: DataError `file:line: …`.
Source read_series_source(const std::string& path);
/// A checksum that tells sources apart.
std::string checksum_of(const Source& source);

/// How a model turns examples into numbers; saved with it.
struct Reading {
  Level level = Level::character;
  Vocabulary vocabulary;            ///< of texts
  std::vector<double> mean, scale;  ///< of series: value f is read as (x − mean[f]) · scale[f]
  std::vector<std::string> classes;
  Normalisation normalise = Normalisation::none;  ///< of texts

  bool is_series() const { return !mean.empty(); }
  std::int64_t class_count() const { return std::ssize(classes); }

  void to_json(nlohmann::ordered_json& json) const;
  /// Errors: DataError that begins with the value's place.
  static Reading from_json(const io::JsonValue& value);
};

/// Classes, vocabulary and scale of the examples `which`, those that train.
/// Errors: DataError if they have fewer than two classes; UsageError if nothing occurs min_count times.
Reading learn_reading(const Source& source, std::span<const std::int64_t> which, Level level,
                      std::int64_t min_count, Normalisation form = Normalisation::none);

/// A reading whose vocabulary has what occurs in the examples `which`, too, at least `min_count` times; what it has
/// keeps its number. Of series it is the reading itself.
Reading grown(const Reading& reading, const Source& source, std::span<const std::int64_t> which,
              std::int64_t min_count);

/// An example in numbers: tokens, or `length` vectors one after another.
struct Example {
  std::vector<std::int64_t> tokens;
  std::vector<float> values;
  std::int64_t length = 0, label = 0;
};

/// The tokens of a text, between a start and an end symbol.
Example number_text(std::string_view text, const Reading& reading);
/// The scaled vectors of a sequence.
/// Errors: DataError if they have another size than those of training.
Example number_series(const Series& series, std::int64_t features, const Reading& reading);
/// The examples `which` with their classes.
/// Errors: DataError `file:line: …` for a class that the model does not know, and for a source of the other
///         kind.
std::vector<Example> number(const Source& source, std::span<const std::int64_t> which,
                            const Reading& reading);

/// Examples side by side: tokens (T, B), or values (T, B, F).
struct Batch {
  Indices tokens;
  Variable<float> values;
  Indices lengths, labels;
};
/// The examples `which`, all of one kind.
Batch batch_of(std::span<const Example> examples, std::span<const std::int64_t> which);

}  // namespace unroll::classify
