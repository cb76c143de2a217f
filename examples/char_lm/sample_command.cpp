#include <random>

#include "char_lm/commands.hpp"
#include "char_lm/generate.hpp"
#include "char_lm/saved_run.hpp"
#include "char_lm/word_share.hpp"
#include "common/command_line.hpp"
#include "common/line_reader.hpp"
#include "unroll/train/progress.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::char_lm {
namespace {

/// The prime and its symbols; what is odd about them is told on standard error.
std::pair<std::string, std::vector<std::int64_t>> read_prime(const std::string& raw, const Reading& reading) {
  Text prime = decode_text(raw, "--prime", reading.encoding);
  for (const auto& note : prime.notes) complain("char_lm", note);
  if (reading.encoding == Encoding::utf8)
    prime.characters = normalise(std::move(prime.characters), reading.normalise);
  Encoded symbols = encode_symbols(prime.characters, reading.level, reading.vocabulary, &reading.pairs);
  if (symbols.unknown > 0)
    complain("char_lm",
             fmt::format(
                 "--prime: {}, which the model has never seen: {}", describe_unknown(symbols, reading.level),
                 reading.vocabulary.unknown() ? "read as <unknown>" : "the model does not read them"));
  return {std::move(prime.characters), std::move(symbols.ids)};
}

std::string word_line(std::string_view sample, std::string_view learned) {
  const auto [words, known] = share_of_known_words(sample, learned);
  if (words == 0) return "the sample has no words\n";
  return fmt::format(
      "{:.0f} % of the sample's words stand in the text that the model has learned ({} of {})\n",
      100 * static_cast<double>(known) / static_cast<double>(words), known, words);
}

}  // namespace

int sample_command(const SampleOptions& options) {
  const SavedRun run = load_run(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const LanguageModel model = trained_model(run);
  const Reading& reading = run.reading;

  const auto [prime, symbols] = read_prime(options.prime, reading);
  std::string learned, sample;
  if (options.check_words)
    learned = read_training_part(run.options.text, reading, run.options.valid_fraction, run.text_checksum);
  const auto write = [&](const std::string& text) {
    write_out(encode_text(text, reading.encoding));
    sample += text;
  };
  write(prime);
  Generator rng(options.seed ? *options.seed : std::random_device()());
  SymbolWriter text_of(reading.level, prime);
  generate(model, reading.vocabulary, run.options.seq_length, symbols, options.length, options.drawing, rng,
           [&](const std::string& symbol) { write(text_of(symbol)); });
  fmt::print("\n");
  if (options.check_words) fmt::print("\n{}", word_line(sample, learned));
  return 0;
}

}  // namespace unroll::char_lm
