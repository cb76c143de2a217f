#include <numeric>

#include "classify/commands.hpp"
#include "classify/trainer.hpp"

namespace unroll::classify {
namespace {

/// The examples that a run validated with.
Corpus validated(const SavedRun& run) {
  Corpus corpus = read_corpus(run.options);
  if (corpus.checksum != run.text_checksum)
    raise<DataError>(
        "{}: no longer what the model was trained on; name what to classify with --text or --series",
        corpus.train.name);
  if (corpus.valid_which.empty())
    raise<UsageError>(
        "the model was trained without validation; name what to classify with --text or --series");
  return corpus;
}

/// Says how many of the texts' symbols the model has never seen.
void note_unknown(std::span<const Example> examples, const Reading& reading) {
  std::int64_t unknown = 0, all = 0;
  for (const auto& example : examples)
    for (const auto token : example.tokens) ++all, unknown += token == reading.vocabulary.unknown();
  if (unknown > 0)
    fmt::print("note: {} of {} are unknown to the model\n", grouped(unknown),
               counted(all - 2 * std::ssize(examples), reading.level == Level::word ? "word" : "character"));
}

}  // namespace

int eval_command(const EvalOptions& options) {
  if (!options.text.empty() && !options.series.empty())
    raise<UsageError>("--text and --series: only one of them can be classified");
  const auto run = load_run<TrainOptions, Reading>(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  Corpus corpus;
  if (options.text.empty() && options.series.empty()) {
    corpus = validated(run);
  } else {
    corpus.valid = options.text.empty() ? read_series_source(options.series) : read_texts(options.text);
    corpus.valid_which.resize(static_cast<std::size_t>(corpus.valid.size()));
    std::iota(corpus.valid_which.begin(), corpus.valid_which.end(), 0);
  }
  const auto examples = number(corpus.valid, corpus.valid_which, run.reading);
  note_unknown(examples, run.reading);
  const Scores scores = score(trained_model(run), examples, run.reading.class_count(), run.options.batch);
  fmt::print("{}", describe(scores, run.reading.classes));
  return 0;
}

}  // namespace unroll::classify
