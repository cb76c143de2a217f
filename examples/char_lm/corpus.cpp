#include "char_lm/corpus.hpp"

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "char_lm/default_text.hpp"
#include "char_lm/index.hpp"
#include "char_lm/reading_progress.hpp"
#include "common/saved_run.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/data/symbol_stream.hpp"
#include "unroll/data/text_stream.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/io/checksum.hpp"

namespace unroll::char_lm {
namespace {

TextSource open_text(const std::string& path) {
  TextSource source =
      path.empty() ? TextSource::of_bytes(default_text(), "the built-in text") : TextSource::of_file(path);
  if (source.size() == 0) raise<DataError>("{}: the text is empty", source.name());
  return source;
}

std::string checksum_text(const io::Checksum& sum) { return fmt::format("{:016x}", sum.value()); }

/// One reading of a text: visit(characters, last) for each piece, as symbols of a level are made of it. The last line of
/// a text has an end, as the others: it is a token.
/// What:   the checksum of the characters.
template <class Visit>
std::string read_pieces(TextStream& stream, const std::string& name, Level level, Visit&& visit) {
  io::Checksum sum;
  std::string piece = stream.next();
  if (piece.empty()) raise<DataError>("{}: the text is empty", name);
  while (!piece.empty()) {
    std::string after = stream.next();
    if (after.empty() && level == Level::token && !piece.ends_with('\n')) piece += '\n';
    sum.update(std::as_bytes(std::span(piece)));
    visit(std::string_view(piece), after.empty());
    piece = std::move(after);
  }
  return checksum_text(sum);
}

/// The vocabulary of a counted text.
void learn_vocabulary(Reading& reading, const SymbolCounter& counter, const ReadingWishes& wishes,
                      const std::string& name) {
  const std::int64_t min_count = wishes.min_count > 0          ? wishes.min_count
                                 : wishes.level == Level::word ? 2
                                                               : 1;
  const SpecialSymbols special{.unknown = min_count > 1 ? "<unknown>" : ""};
  if (wishes.level == Level::subword) {
    try {
      auto learned = counter.pairs().learn(
          {.vocabulary = wishes.vocabulary, .special = special, .min_count = min_count});
      reading.vocabulary = std::move(learned.vocabulary), reading.pairs = std::move(learned.pairs);
    } catch (const UsageError& error) {
      raise<UsageError>(
          "--vocabulary {}: {}; take a larger one, or a --min-count that makes rare characters unknown",
          wishes.vocabulary, error.what());
    }
  } else {
    reading.vocabulary = Vocabulary(counter.counts(), special, min_count);
  }
  if (reading.vocabulary.unknown() && reading.vocabulary.size() == 1)
    raise<UsageError>("--min-count {}: no {} of {} occurs so often; take a smaller number", min_count,
                      noun_of(wishes.level), name);
}

/// A text as it is being numbered.
struct Numbering {
  const TextPlace& place;
  const TextSource& source;
  TextFile file;  ///< before it was read
  ReadingProgress progress;
  int pass = 0;
  std::vector<std::string> notes = {};  ///< of an earlier reading

  Numbering(const TextPlace& where, const TextSource& from, int passes)
      : place(where),
        source(from),
        file(TextFile::at(where.text)),
        progress(from.name(), from.size(), passes, !where.index.empty() && is_large(where.text)) {}
};

std::string index_line(const std::string& path, std::string_view how) {
  return fmt::format("{} ({})", path, how);
}

/// Numbers a text, with the notes of its reading; `known` is the checksum of its characters where it was read before.
Corpus number_text(Numbering& numbering, const Reading& reading, const ReadingWishes& wishes,
                   std::string_view known = {}) {
  const TextPlace& place = numbering.place;
  const TextSource& source = numbering.source;
  TextStream stream(source, reading.encoding, reading.normalise);
  SymbolEncoder encoder(reading.level, reading.vocabulary, &reading.pairs);
  const std::int64_t symbols = reading.vocabulary.size();
  const auto writer = place.index.empty() ? std::make_unique<IdWriter>(symbols)
                                          : std::make_unique<IdWriter>(symbols, place.index);
  Corpus corpus{.name = source.name()};
  corpus.checksum =
      read_pieces(stream, corpus.name, reading.level, [&](std::string_view characters, bool last) {
        writer->add(encoder.add(characters, last));
        numbering.progress.reached(numbering.pass, stream.position());
      });
  if (!known.empty() && corpus.checksum != known)
    raise<DataError>("{}: it was changed while it was read", corpus.name);
  corpus.notes = numbering.notes;
  for (auto& note : stream.notes()) corpus.notes.push_back(std::move(note));
  corpus.characters = encoder.characters(), corpus.unknown = encoder.unknown();
  if (corpus.unknown > 0 && known.empty()) {
    Encoded told;
    told.unknown = encoder.unknown(), told.unknown_symbols = encoder.unknown_symbols();
    corpus.notes.push_back(fmt::format("{}: {} {}", corpus.name, describe_unknown(told, reading.level),
                                       reading.vocabulary.unknown() ? "count as <unknown>" : "are left out"));
  }
  if (writer->size() == 0)
    raise<DataError>("{}: the model knows no {} of it", corpus.name, noun_of(reading.level));
  corpus.ids = writer->finish(IndexInfo{numbering.file, corpus, reading, wishes}.to_text());
  if (!place.index.empty()) {
    const double megabytes = static_cast<double>(source.size()) / 1e6;
    corpus.index = index_line(
        place.index, fmt::format("{} a symbol; {:.0f} MB of text read in {:.1f} s, {:.0f} MB/s",
                                 counted(id_width(symbols), "byte"), megabytes, numbering.progress.seconds(),
                                 megabytes / std::max(numbering.progress.seconds(), 1e-3)));
  }
  return corpus;
}

/// The corpus of an index that is there.
Corpus corpus_of(Index& index, const TextPlace& place) {
  Corpus corpus = std::move(index.info.corpus);
  corpus.name = place.text, corpus.ids = std::move(index.ids);
  corpus.index = index_line(place.index, "of an earlier reading; the text was not read");
  return corpus;
}

bool same_wishes(const ReadingWishes& a, const ReadingWishes& b) {
  return a.level == b.level && a.min_count == b.min_count && a.normalise == b.normalise &&
         (a.level != Level::subword || a.vocabulary == b.vocabulary);
}

std::string json_of(const Reading& reading) {
  nlohmann::ordered_json json;
  reading.to_json(json);
  return json.dump();
}

/// Errors: DataError if the words of a saved vocabulary are not those that a text is cut into now.
void check_word_rules(const io::JsonValue& reading) {
  constexpr const char* key = "word_rules";
  const auto saved = reading.contains(key) ? reading.at(key).integer<std::int64_t>() : 1;
  if (saved != word_rules)
    raise<DataError>(
        "{}: {}: its model has learned words by rules {}, and this program cuts texts by rules {}: train it "
        "again",
        reading.place(), key, saved, word_rules);
}

}  // namespace

void Reading::to_json(nlohmann::ordered_json& json) const {
  json = {{"encoding", name_of(encoding)}, {"level", name_of(level)}, {"vocabulary", vocabulary.to_json()}};
  if (level == Level::word || level == Level::subword) json["word_rules"] = word_rules;
  if (level == Level::subword) json["pairs"] = pairs.to_json();
  if (normalise != Normalisation::none) json["normalise"] = name_of(normalise);
}

Reading Reading::from_json(const io::JsonValue& value) {
  const std::array encodings{name_of(Encoding::utf8), name_of(Encoding::bytes)};
  const std::array levels{name_of(Level::character), name_of(Level::word), name_of(Level::token),
                          name_of(Level::subword)};
  const std::array forms{name_of(Normalisation::none), name_of(Normalisation::nfc)};
  Reading reading{.encoding = encoding_named(value.at("encoding").one_of(encodings)),
                  .level = level_named(value.at("level").one_of(levels))};
  if (reading.level == Level::word || reading.level == Level::subword) check_word_rules(value);
  reading.vocabulary = program::read_vocabulary(value.at("vocabulary"), {});
  if (reading.level == Level::subword)
    reading.pairs =
        BytePairs::from_json(value.at("pairs").json(), reading.vocabulary, value.at("pairs").place());
  if (value.contains("normalise"))
    reading.normalise = normalisation_named(value.at("normalise").one_of(forms));
  return reading;
}

std::pair<Corpus, Reading> read_new_corpus(const TextPlace& place, const ReadingWishes& wishes) {
  std::string note;
  if (!place.index.empty())
    if (auto index = find_index(place.index, note)) {
      if (same_wishes(index->info.wishes, wishes) && index->info.file.is(TextFile::at(place.text)))
        return {corpus_of(*index, place), std::move(index->info.reading)};
      note = fmt::format("{}: of another text, or read in another way; it is made anew", place.index);
    }
  const TextSource source = open_text(place.text);
  Numbering numbering(place, source, 3);
  const auto fault =
      source.find_fault([&](std::uint64_t position) { numbering.progress.reached(0, position); });
  TextStream stream(source, fault ? Encoding::bytes : Encoding::utf8, wishes.normalise);
  SymbolCounter counter(wishes.level);
  const auto checksum =
      read_pieces(stream, source.name(), wishes.level, [&](std::string_view characters, bool last) {
        counter.add(characters, last);
        numbering.progress.reached(1, stream.position());
      });
  Reading reading{.encoding = stream.encoding(), .level = wishes.level, .normalise = wishes.normalise};
  learn_vocabulary(reading, counter, wishes, source.name());
  numbering.pass = 2;
  std::string begin;
  if (fault) numbering.notes.push_back(note_of_bytes(*fault, source.read(0, 2, begin), source.name()));
  Corpus corpus = number_text(numbering, reading, wishes, checksum);
  if (!note.empty()) corpus.notes.push_back(note);
  return {std::move(corpus), std::move(reading)};
}

Corpus read_corpus(const TextPlace& place, const Reading& reading, std::string_view checksum) {
  std::string note;
  if (!place.index.empty() && !checksum.empty())
    if (auto index = find_index(place.index, note)) {
      const TextFile now = TextFile::at(place.text);
      const bool same_text =
          index->info.corpus.checksum == checksum && json_of(index->info.reading) == json_of(reading);
      if (same_text && (!now.is_there() || index->info.file.is(now))) return corpus_of(*index, place);
    }
  const TextSource source = open_text(place.text);
  Numbering numbering(place, source, 1);
  Corpus corpus = number_text(numbering, reading, {.level = reading.level, .normalise = reading.normalise});
  if (!note.empty()) corpus.notes.push_back(note);
  return corpus;
}

bool is_large(const std::string& path) {
  constexpr std::uintmax_t large = 64 << 20;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  return !error && size > large;  // of an error, size is the largest number there is
}

std::string read_training_part(const std::string& path, const Reading& reading, double valid_fraction,
                               std::string_view checksum) {
  const TextSource source = open_text(path);
  TextStream stream(source, reading.encoding, reading.normalise);
  std::string characters;
  const auto read = read_pieces(stream, source.name(), reading.level,
                                [&](std::string_view piece, bool) { characters += piece; });
  if (read != checksum) raise<DataError>("{}: no longer the text that the model has learned", source.name());
  // Of subwords, the pieces are counted that they are cut from: about the same part.
  std::int64_t symbols = 0;
  for_each_symbol(characters, reading.level, [&](std::string_view) { ++symbols; });
  std::int64_t left = split_by_position(symbols, valid_fraction).train;
  std::size_t length = 0;
  for_each_symbol(characters, reading.level, [&, begin = characters.data()](std::string_view symbol) {
    if (left-- > 0) length = static_cast<std::size_t>(symbol.data() + symbol.size() - begin);
  });
  characters.resize(length);
  return characters;
}

std::string count_of(std::int64_t n, Level level) { return counted(n, noun_of(level)); }

std::string unit_of(Level level) { return std::string(level == Level::character ? "char" : noun_of(level)); }

std::int64_t count_characters_of(const SymbolIds& ids, const Vocabulary& vocabulary) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t id = 0; id < vocabulary.size(); ++id)
    lengths.push_back(
        id == vocabulary.unknown() ? 1 : static_cast<std::int64_t>(count_characters(vocabulary.symbol(id))));
  std::int64_t characters = 0;
  ids.for_each([&](std::int64_t id) { characters += lengths[static_cast<std::size_t>(id)]; });
  return characters;
}

}  // namespace unroll::char_lm
