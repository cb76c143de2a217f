/// \file classify: learns to tell classes of texts, or of sequences of real vectors, apart.

#include "classify/commands.hpp"
#include "classify/trainer.hpp"
#include "common/program.hpp"

using namespace unroll;
using namespace unroll::classify;

int main(int argc, char** argv) {
  return program::guarded("classify", [&] {
    program::Program frame(
        "classify", "Recurrent networks that tell classes of texts, or of sequences of vectors, apart.");
    TrainOptions train_options;
    frame.train("Learn from examples; the model goes to the folder --out", train_options,
                [&](const Given& given) { return program::run_training<Trainer>(train_options, given); });

    EvalOptions eval_options;
    CLI::App& eval = frame.command("eval", "Measure how well the model classifies examples",
                                   [&] { return eval_command(eval_options); });
    program::add_model(eval, eval_options.model);
    const program::AddOption add_to_eval{eval};
    add_to_eval("text", eval_options.text,
                "a folder or file as for train; without, what the run validated with");
    add_to_eval("series", eval_options.series, "instead of --text: a file of sequences of real vectors");
    program::add_threads(eval, eval_options.threads);

    PredictOptions predict_options;
    CLI::App& predict = frame.command(
        "predict", "Read lines, or sequences of vectors, from standard input and name their classes",
        [&] { return predict_command(predict_options); });
    program::add_model(predict, predict_options.model);
    program::AddOption{predict}("top", predict_options.top, "classes to print for each", size_from(1));
    program::add_threads(predict, predict_options.threads);
    return frame.main(argc, argv);
  });
}
