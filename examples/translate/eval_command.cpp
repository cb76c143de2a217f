#include <numbers>

#include "translate/commands.hpp"
#include "translate/trainer.hpp"
#include "unroll/train/perplexity.hpp"

namespace unroll::translate {

int eval_command(const EvalOptions& options) {
  const auto run = load_run<TrainOptions, Reading>(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const Translator model = trained_model(run);
  const Corpus corpus = encode(read_pairs(options.text), run.reading);
  const Quality q = measure(model, run.reading, corpus, options.search);

  const std::string unit = run.reading.unit();
  const double per_char =
      q.loss * static_cast<double>(corpus.symbols) / static_cast<double>(corpus.characters);
  fmt::print("text        {}: {}, {} to say with their ends\n", options.text, counted(corpus.size(), "pair"),
             counted(corpus.symbols, unit));
  fmt::print("unknown     {} of the sources, {} of the targets\n",
             counted(corpus.unknown_source, run.reading.level == Level::word ? "word" : "character"),
             grouped(corpus.unknown_target));
  fmt::print("{:<11} {:.6f}\nperplexity  {:.4f}\n", "nats/" + unit, q.loss, std::exp(q.loss));
  fmt::print("bits/char   {:.6f}\n", per_char / std::numbers::ln2);
  fmt::print("exact       {:.2f} %  ({} of {})\n", 100 * q.exact_share(), q.exact, q.sentences);
  fmt::print("BLEU        {:.2f}  (beam {}; {:.1f}/{:.1f}/{:.1f}/{:.1f}, brevity penalty {:.3f})\n",
             100 * q.bleu.score(), options.search.beam, 100 * q.bleu.precision(1), 100 * q.bleu.precision(2),
             100 * q.bleu.precision(3), 100 * q.bleu.precision(4), q.bleu.brevity_penalty());
  return 0;
}

}  // namespace unroll::translate
