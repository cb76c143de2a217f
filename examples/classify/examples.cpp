#include "classify/examples.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "common/saved_run.hpp"
#include "unroll/data/batches.hpp"
#include "unroll/data/tokens.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/io/checksum.hpp"

namespace unroll::classify {
namespace {

auto tokens_of(std::string_view text, Level level) {
  return level == Level::word ? split_words(text) : split_characters(text);
}

/// Sets mean and scale so that over all steps of the examples each value has mean 0 and deviation 1.
void learn_scale(Reading& reading, const SeriesSet& set, std::span<const std::int64_t> which) {
  const auto features = static_cast<std::size_t>(set.features);
  std::vector<double> sum(features), squares(features);
  double steps = 0;
  const auto for_each = [&](auto&& visit) {
    for (const auto i : which) {
      const auto& values = set.series[static_cast<std::size_t>(i)].values;
      for (std::size_t k = 0; k < values.size(); ++k) visit(k % features, double{values[k]});
    }
  };
  for (const auto i : which) steps += static_cast<double>(set.series[static_cast<std::size_t>(i)].steps);
  for_each([&](std::size_t f, double x) { sum[f] += x; });
  for (const double s : sum) reading.mean.push_back(s / steps);
  for_each([&](std::size_t f, double x) { squares[f] += (x - reading.mean[f]) * (x - reading.mean[f]); });
  for (const double s : squares) reading.scale.push_back(s > 0 ? 1 / std::sqrt(s / steps) : 1);
}

/// The vectors of several examples, (T, B, F), with zeros beyond their ends.
Variable<float> pad_values(std::span<const Example> examples, std::span<const std::int64_t> which) {
  index_t steps = 0, features = 0;
  for (const auto i : which) {
    const Example& example = examples[static_cast<std::size_t>(i)];
    steps = std::max<index_t>(steps, example.length);
    features = std::ssize(example.values) / example.length;
  }
  const index_t batch = std::ssize(which);
  Variable<float> padded({steps, batch, features}, 0.F);
  for (index_t b = 0; b < batch; ++b) {
    const Example& example = examples[static_cast<std::size_t>(which[static_cast<std::size_t>(b)])];
    for (index_t t = 0; t < example.length; ++t)
      std::copy_n(example.values.begin() + t * features, features,
                  padded.mutable_data() + (t * batch + b) * features);
  }
  return padded;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) {
    if (text.size() > 1000) return text + ", ...";
    text += (text.empty() ? "" : ", ") + printable(name);
  }
  return text;
}

SymbolCounts count_tokens(const Source& source, std::span<const std::int64_t> which, Level level,
                          Normalisation form) {
  SymbolCounts counts;
  for (const auto i : which) {
    const std::string text = normalise(source.texts[static_cast<std::size_t>(i)].text, form);
    for (const auto token : tokens_of(text, level)) counts.add(token);
  }
  return counts;
}

}  // namespace

const std::string& Source::label(std::int64_t i) const {
  const auto k = static_cast<std::size_t>(i);
  return is_series() ? series.series.at(k).label : texts.at(k).label;
}

const std::string& Source::place(std::int64_t i) const {
  const auto k = static_cast<std::size_t>(i);
  return is_series() ? series.series.at(k).place : texts.at(k).place;
}

Source read_texts(const std::string& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind == std::filesystem::file_type::none) raise<DataError>("{}: {}", path, error.message());
  const bool folder = kind == std::filesystem::file_type::directory;
  return {.name = path, .texts = folder ? read_labelled_folder(path) : read_labelled(path), .series = {}};
}

Source read_series_source(const std::string& path) {
  return {.name = path, .texts = {}, .series = read_series(path)};
}

std::string checksum_of(const Source& source) {
  io::Checksum sum;
  const auto add = [&](std::string_view text) {
    sum.update(std::as_bytes(std::span(text)));
    sum.update(std::as_bytes(std::span("\n", 1)));
  };
  for (const auto& text : source.texts) add(text.label), add(text.text);
  for (const auto& series : source.series.series) {
    add(series.label);
    sum.update(std::as_bytes(std::span(series.values)));
  }
  return fmt::format("{:016x}", sum.value());
}

void Reading::to_json(nlohmann::ordered_json& json) const {
  json = {{"level", name_of(level)},
          {"vocabulary", vocabulary.to_json()},
          {"mean", mean},
          {"scale", scale},
          {"classes", classes}};
  if (normalise != Normalisation::none) json["normalise"] = name_of(normalise);
}

Reading Reading::from_json(const io::JsonValue& value) {
  const std::array levels{name_of(Level::character), name_of(Level::word)};
  Reading reading{.level = level_named(value.at("level").one_of(levels)),
                  .vocabulary = {},
                  .mean = value.at("mean").numbers(),
                  .scale = value.at("scale").numbers(),
                  .classes = value.at("classes").texts()};
  const std::array forms{name_of(Normalisation::none), name_of(Normalisation::nfc)};
  if (value.contains("normalise"))
    reading.normalise = normalisation_named(value.at("normalise").one_of(forms));
  if (reading.scale.size() != reading.mean.size())
    raise<DataError>("{}: need as many numbers as in mean, {}; got {}", value.at("scale").place(),
                     reading.mean.size(), reading.scale.size());
  if (!reading.is_series())
    reading.vocabulary =
        program::read_vocabulary(value.at("vocabulary"), {.unknown = true, .start = true, .end = true});
  const auto& classes = reading.classes;
  if (classes.size() < 2 ||
      std::ranges::adjacent_find(classes, std::ranges::greater_equal()) != classes.end())
    raise<DataError>("{}: need two classes or more, in the order of their names",
                     value.at("classes").place());
  return reading;
}

Reading grown(const Reading& reading, const Source& source, std::span<const std::int64_t> which,
              std::int64_t min_count) {
  Reading result = reading;
  if (!reading.is_series() && !source.is_series())
    result.vocabulary =
        reading.vocabulary.extended(count_tokens(source, which, reading.level, reading.normalise), min_count);
  return result;
}

Reading learn_reading(const Source& source, std::span<const std::int64_t> which, Level level,
                      std::int64_t min_count, Normalisation form) {
  Reading reading{
      .level = level, .vocabulary = {}, .mean = {}, .scale = {}, .classes = {}, .normalise = form};
  std::set<std::string> labels;
  for (const auto i : which) labels.insert(source.label(i));
  reading.classes.assign(labels.begin(), labels.end());
  if (labels.size() < 2)
    raise<DataError>("{}: need examples of at least two classes to train with; got {}", source.name,
                     labels.empty() ? "none" : "'" + printable(*labels.begin()) + "' alone");
  if (source.is_series()) {
    learn_scale(reading, source.series, which);
    return reading;
  }
  const SymbolCounts counts = count_tokens(source, which, level, form);
  const SpecialSymbols special{.padding = "", .unknown = "<unk>", .start = "<s>", .end = "</s>"};
  reading.vocabulary = Vocabulary(counts, special, min_count);
  if (reading.vocabulary.size() == 3)
    raise<UsageError>("--min-count {}: nothing in {} occurs so often; take a smaller number", min_count,
                      source.name);
  return reading;
}

Example number_text(std::string_view text, const Reading& reading) {
  Example example;
  const std::string normal = normalise(std::string(text), reading.normalise);
  example.tokens = ids_of(tokens_of(normal, reading.level), reading.vocabulary);
  example.tokens.insert(example.tokens.begin(), *reading.vocabulary.start());
  example.tokens.push_back(*reading.vocabulary.end());
  example.length = std::ssize(example.tokens);
  return example;
}

Example number_series(const Series& series, std::int64_t features, const Reading& reading) {
  if (features != std::ssize(reading.mean))
    raise<DataError>("{}: the model reads vectors of {} numbers; these have {}", series.place,
                     reading.mean.size(), features);
  Example example{.tokens = {}, .values = series.values, .length = series.steps};
  for (std::size_t k = 0; k < example.values.size(); ++k) {
    const std::size_t f = k % reading.mean.size();
    example.values[k] = static_cast<float>((double{series.values[k]} - reading.mean[f]) * reading.scale[f]);
  }
  return example;
}

std::vector<Example> number(const Source& source, std::span<const std::int64_t> which,
                            const Reading& reading) {
  if (source.is_series() != reading.is_series())
    raise<DataError>("{}: the model reads {}, and these are {}", source.name,
                     reading.is_series() ? "sequences of vectors" : "texts",
                     source.is_series() ? "sequences of vectors" : "texts");
  std::vector<Example> examples;
  for (const auto i : which) {
    const auto k = static_cast<std::size_t>(i);
    examples.push_back(source.is_series()
                           ? number_series(source.series.series[k], source.series.features, reading)
                           : number_text(source.texts[k].text, reading));
    const auto found = std::lower_bound(reading.classes.begin(), reading.classes.end(), source.label(i));
    if (found == reading.classes.end() || *found != source.label(i))
      raise<DataError>("{}: the model has not learned a class '{}'; it knows {}", source.place(i),
                       printable(source.label(i)), joined(reading.classes));
    examples.back().label = found - reading.classes.begin();
  }
  return examples;
}

Batch batch_of(std::span<const Example> examples, std::span<const std::int64_t> which) {
  std::vector<std::vector<std::int64_t>> tokens;
  std::vector<std::int64_t> lengths, labels;
  for (const auto i : which) {
    const Example& example = examples[static_cast<std::size_t>(i)];
    tokens.push_back(example.tokens), lengths.push_back(example.length), labels.push_back(example.label);
  }
  if (tokens.front().empty()) return {{}, pad_values(examples, which), lengths, labels};
  const PaddedTokens padded = pad(tokens, 0);  // what stands beyond a sequence's end has no influence
  return {Indices({padded.steps, padded.batch}, padded.tokens), {}, lengths, labels};
}

}  // namespace unroll::classify
