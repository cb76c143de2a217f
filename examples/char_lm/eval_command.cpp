#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <numbers>

#include "char_lm/commands.hpp"
#include "char_lm/saved_run.hpp"
#include "unroll/train/progress.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::char_lm {
namespace {

/// A place for the index of a large text as long as it is needed; none for another.
class TemporaryIndex {
 public:
  explicit TemporaryIndex(const std::string& text) {
    if (is_large(text))
      path_ =
          std::filesystem::temp_directory_path() / fmt::format("unroll-{}.ids", static_cast<int>(::getpid()));
  }
  ~TemporaryIndex() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove(path_, error);
  }
  TemporaryIndex(const TemporaryIndex&) = delete;
  TemporaryIndex& operator=(const TemporaryIndex&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

int eval_command(const EvalOptions& options) {
  const SavedRun run = load_run(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const LanguageModel model = trained_model(run);
  const Level level = run.reading.level;

  const TemporaryIndex index(options.text);
  const Corpus corpus = read_corpus({.text = options.text, .index = index.path()}, run.reading);
  for (const auto& note : corpus.notes) fmt::print("note: {}\n", note);
  const SymbolIds& ids = corpus.ids;
  const Split split = split_by_position(ids.size(), options.valid_fraction);
  const auto first = options.valid_fraction > 0 ? split.train : 0;
  const SymbolIds part = ids.part(first, ids.size() - first);

  if (part.size() < 2)
    raise<DataError>("{}: {} to predict from, and none to predict: at least 2 are needed", corpus.name,
                     count_of(part.size(), level));

  std::int64_t batch = options.batch > 0 ? options.batch : run.options.batch;
  if (options.batch == 0 && part.size() <= batch) {
    fmt::print("note: too short for the {} of training: read as one\n", counted(batch, "stream"));
    batch = 1;
  }
  const Streams streams(part, batch, run.options.seq_length, corpus.name);
  const double nats = mean_loss(model, streams);

  fmt::print("text        {}: {}\n", corpus.name, count_of(ids.size(), level));
  if (first > 0)
    fmt::print("part        the last {:g} %: {}\n", 100 * options.valid_fraction, grouped(part.size()));
  fmt::print("predicted   {} in {}\n", count_of(streams.targets(), level), counted(batch, "stream"));
  const auto line = [](const std::string& name, double value) { fmt::print("{:<11} {:.6f}\n", name, value); };
  line(fmt::format("nats/{}", unit_of(level)), nats);
  line(fmt::format("bits/{}", unit_of(level)), nats / std::numbers::ln2);
  fmt::print("perplexity  {:.4f}{}\n", std::exp(nats), level == Level::token ? " per token" : "");
  if (level == Level::word || level == Level::subword) {
    // Of subwords, which are all written out, those that are predicted count; of words only the whole text is known.
    const double characters = level == Level::word
                                  ? static_cast<double>(corpus.characters) / static_cast<double>(ids.size())
                                  : static_cast<double>(count_characters_of(part, run.reading.vocabulary)) /
                                        static_cast<double>(part.size());
    fmt::print("nats/char   {:.6f}  (at {:.2f} characters a {})\nbits/char   {:.6f}\n", nats / characters,
               characters, noun_of(level), nats / characters / std::numbers::ln2);
  }
  return 0;
}

}  // namespace unroll::char_lm
