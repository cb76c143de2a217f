/// \file tag: learns to give each word of a sentence a tag, such as its part of speech.

#include "common/program.hpp"
#include "tag/commands.hpp"
#include "tag/tagger.hpp"

using namespace unroll;
using namespace unroll::tag;

int main(int argc, char** argv) {
  return program::guarded("tag", [&] {
    Program frame("tag", "Sequence tagging: recurrent networks that give each word of a sentence a tag.");
    TrainOptions train_options;
    frame.train("Learn tagged sentences; the model goes to the folder --out", train_options,
                [&](const Given& given) { return run_training<Tagger>(train_options, given); });

    EvalOptions eval_options;
    CLI::App& eval = frame.command("eval", "Measure how well the model tags a file",
                                   [&] { return eval_command(eval_options); });
    add_model(eval, eval_options.model);
    AddOption{eval}("text", eval_options.text, "file of tagged sentences, as for training",
                    {.required = true});
    add_threads(eval, eval_options.threads);

    PredictOptions predict_options;
    CLI::App& predict = frame.command("predict", "Tag the sentences of standard input, one per line",
                                      [&] { return predict_command(predict_options); });
    add_model(predict, predict_options.model);
    add_threads(predict, predict_options.threads);
    return frame.main(argc, argv);
  });
}
