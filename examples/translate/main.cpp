/// \file translate: learns to translate sentences from pairs, evaluates itself, translates lines.

#include "common/program.hpp"

#include "translate/commands.hpp"
#include "translate/trainer.hpp"

using namespace unroll;
using namespace unroll::translate;

namespace {

void add_search(CLI::App& app, SearchOptions& options) {
  const program::AddOption add{app};
  add("beam", options.beam, "hypotheses that beam search keeps; 1: greedy", {.low = 1, .high = 1000});
  add("length-penalty", options.alpha, "α: a hypothesis of n words is ranked by ln p / n^α",
      {.low = 0, .high = 10});
  add("max-length", options.max_length, "longest translation, in words", size_from(1));
}

void add_eval(program::Program& program, EvalOptions& options) {
  CLI::App& eval = program.command("eval", "Measure how well the model translates the pairs of a file",
                                   [&] { return eval_command(options); });
  program::add_model(eval, options.model);
  program::AddOption{eval}("text", options.text, "file of pairs, SOURCE TAB TARGET",
                           {.named = true, .required = true});
  add_search(eval, options.search);
  program::add_threads(eval, options.threads);
}

void add_predict(program::Program& program, PredictOptions& options) {
  CLI::App& predict = program.command("predict", "Translate the lines of standard input",
                                      [&] { return predict_command(options); });
  program::add_model(predict, options.model);
  add_search(predict, options.search);
  const program::AddOption add{predict};
  add("best", options.search.best, "translations per line, best first, each after its ln p; at most --beam",
      {.low = 1, .high = 1000});
  add("attention-plot", options.plot,
      "SVG file: what the first translation was read from; not for models without attention",
      {.named = true});
  program::add_threads(predict, options.threads);
}

}  // namespace

int main(int argc, char** argv) {
  return program::guarded("translate", [&] {
    program::Program frame("translate",
                           "Sequence to sequence with attention: learns to translate from pairs.");
    TrainOptions train_options;
    EvalOptions eval_options;
    PredictOptions predict_options;
    frame.train(
        "Learn the pairs of a file; the model goes to the folder --out", train_options,
        [&](const Given& given) { return program::run_training<Trainer>(train_options.resolved(), given); });
    add_eval(frame, eval_options);
    add_predict(frame, predict_options);
    return frame.main(argc, argv);
  });
}
