#include <random>

#include "char_lm/commands.hpp"
#include "char_lm/generate.hpp"
#include "char_lm/saved_run.hpp"
#include "common/command_line.hpp"
#include "common/line_reader.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::char_lm {

int sample_command(const SampleOptions& options) {
  const SavedRun run = load_run(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const LanguageModel model = trained_model(run);
  const Reading& reading = run.reading;

  const Text prime = decode_text(options.prime, "--prime", reading.encoding);
  for (const auto& note : prime.notes) complain("char_lm", note);
  const Encoded symbols = encode_symbols(prime.characters, reading.level, reading.vocabulary);
  if (symbols.unknown > 0)
    complain("char_lm",
             fmt::format(
                 "--prime: {}, which the model has never seen: {}", describe_unknown(symbols, reading.level),
                 reading.vocabulary.unknown() ? "read as <unknown>" : "the model does not read them"));

  const auto write = [&](const std::string& text) { write_out(encode_text(text, reading.encoding)); };
  write(prime.characters);
  Generator rng(options.seed ? *options.seed : std::random_device()());
  SymbolWriter text_of(reading.level, prime.characters);
  generate(model, reading.vocabulary, run.options.seq_length, symbols.ids, options.length, options.drawing,
           rng, [&](const std::string& symbol) { write(text_of(symbol)); });
  fmt::print("\n");
  return 0;
}

}  // namespace unroll::char_lm
