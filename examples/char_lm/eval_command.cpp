#include <cmath>
#include <numbers>

#include "char_lm/commands.hpp"
#include "char_lm/saved_run.hpp"
#include "unroll/train/progress.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::char_lm {

int eval_command(const EvalOptions& options) {
  const SavedRun run = load_run(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const LanguageModel model = trained_model(run);
  const Level level = run.reading.level;

  const Corpus corpus = read_corpus(options.text, run.reading);
  for (const auto& note : corpus.notes) fmt::print("note: {}\n", note);
  const auto& ids = corpus.symbols.ids;
  const Split split = split_by_position(std::ssize(ids), options.valid_fraction);
  const auto first = options.valid_fraction > 0 ? split.train : 0;
  const std::vector<std::int64_t> part(ids.begin() + first, ids.end());

  if (std::ssize(part) < 2)
    raise<DataError>("{}: {} to predict from, and none to predict: at least 2 are needed", corpus.name,
                     count_of(std::ssize(part), level));

  std::int64_t batch = options.batch > 0 ? options.batch : run.options.batch;
  if (options.batch == 0 && std::ssize(part) <= batch) {
    fmt::print("note: too short for the {} of training: read as one\n", counted(batch, "stream"));
    batch = 1;
  }
  const Streams streams(part, batch, run.options.seq_length, corpus.name);
  const double nats = mean_loss(model, streams);

  fmt::print("text        {}: {}\n", corpus.name, count_of(std::ssize(ids), level));
  if (first > 0)
    fmt::print("part        the last {:g} %: {}\n", 100 * options.valid_fraction, grouped(std::ssize(part)));
  fmt::print("predicted   {} in {}\n", count_of(streams.targets(), level), counted(batch, "stream"));
  const auto line = [](const std::string& name, double value) { fmt::print("{:<12}{:.6f}\n", name, value); };
  line(fmt::format("nats/{}", name_of(level)), nats);
  line(fmt::format("bits/{}", name_of(level)), nats / std::numbers::ln2);
  fmt::print("perplexity  {:.4f}{}\n", std::exp(nats), level == Level::token ? " per token" : "");
  if (level == Level::word) {
    const double per_char =
        nats * static_cast<double>(ids.size()) / static_cast<double>(corpus.symbols.characters);
    fmt::print("nats/char   {:.6f}  (at {:.2f} characters a word)\nbits/char   {:.6f}\n", per_char,
               nats / per_char, per_char / std::numbers::ln2);
  }
  return 0;
}

}  // namespace unroll::char_lm
