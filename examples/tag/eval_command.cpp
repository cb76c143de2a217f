#include "tag/commands.hpp"
#include "tag/scores.hpp"
#include "tag/tagger.hpp"

namespace unroll::tag {
namespace {

std::vector<std::string> names(const Vocabulary& vocabulary) {
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < vocabulary.size(); ++k) names.push_back(vocabulary.symbol(k));
  return names;
}

}  // namespace

int eval_command(const EvalOptions& options) {
  const auto run = load_run<TrainOptions, Reading>(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const Corpus corpus = encode(read_tagged(options.text), run.reading);
  const Scores scores = score(trained_model(run), corpus, run.reading, options.text);
  const auto known = scores.tokens - scores.unknown;

  fmt::print("text        {}: {}, {}\n", options.text, counted(std::ssize(corpus.words), "sentence"),
             counted(scores.tokens, "word"));
  if (corpus.unknown_tags > 0)
    fmt::print("note: {} with a tag that the model does not know, such as {}: they count as missed\n",
               counted(corpus.unknown_tags, "word"), corpus.first_unknown_tag);
  fmt::print("nats/word   {:.6f}\n", scores.loss);
  fmt::print("accuracy    {:.2f} %\n", 100 * scores.accuracy());
  const auto line = [](const char* which, std::int64_t right, std::int64_t of) {
    if (of > 0)
      fmt::print("  {:<9} {:.2f} % of {} words\n", which,
                 100 * static_cast<double>(right) / static_cast<double>(of), grouped(of));
  };
  line("known", scores.right - scores.unknown_right, known);
  line("unknown", scores.unknown_right, scores.unknown);
  const auto tags = names(run.reading.tags);
  fmt::print("\n{}\n{}", class_table(scores.matrix, tags), confusion_table(scores.matrix, tags));
  return 0;
}

}  // namespace unroll::tag
