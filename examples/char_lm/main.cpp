/// \file char_lm: trains a character-level language model on a text, samples from it, evaluates it.

#include "common/program.hpp"

#include "char_lm/commands.hpp"
#include "char_lm/trainer.hpp"

using namespace unroll;
using namespace unroll::char_lm;

namespace {

int train_command(const TrainOptions& options, const Given& given) try {
  return program::run_training<Trainer>(options, given);
} catch (const Stopped& stopped) {
  fmt::print("stopped while the text was read; nothing is kept\n");
  return 128 + stopped.signal;
}

void add_sample(program::Program& program, SampleOptions& options) {
  CLI::App& sample =
      program.command("sample", "Write text of the model's own", [&] { return sample_command(options); });
  const program::AddOption add{sample};
  program::add_model(sample, options.model);
  add("length", options.length, "symbols to write: characters, words, subwords or tokens", count_from(0));
  add("temperature", options.drawing.temperature,
      "below 1: safer; above 1: wilder; 0: always the most probable", at_least(0));
  add("top-k", options.drawing.top_k, "draw only from the k most probable symbols; 0: from all",
      count_from(0));
  add("top-p", options.drawing.top_p, "draw from the fewest symbols that together have this probability",
      {.low = 0, .high = 1});
  add("prime", options.prime, "text to start from; it is printed too");
  add("seed", options.seed, "seed of the random numbers; without it, every call differs", at_least(0));
  add("check-words", options.check_words,
      "tell how many of the sample's words stand in the text that the model has learned");
  program::add_threads(sample, options.threads);
}

void add_eval(program::Program& program, EvalOptions& options) {
  CLI::App& eval = program.command("eval", "Measure how well the model predicts a text",
                                   [&] { return eval_command(options); });
  const program::AddOption add{eval};
  program::add_model(eval, options.model);
  add("text", options.text, "file to predict; the project's own sources by default");
  add("valid-fraction", options.valid_fraction,
      "predict only this share at the end, as training does; 0: all of it", share());
  add("batch", options.batch, "streams to cut the text into; 0: as in training", size_from(0));
  program::add_threads(eval, options.threads);
}

void add_colour(program::Program& program, ColourOptions& options) {
  CLI::App& colour = program.command("colour", "Paint a text by what each hidden unit does, as an HTML page",
                                     [&] { return colour_command(options); });
  const program::AddOption add{colour};
  program::add_model(colour, options.model);
  add("text", options.text, "file to read; the project's own sources by default");
  add("out", options.out, "the page to write", {.named = true});
  add("layer", options.layers, "layers whose units are shown, from 1; without: all");
  add("state", options.state, "member of the cell's state to show, such as c; without: the output");
  add("length", options.length, "symbols to paint, from the beginning", {.low = 1, .high = 100000});
  add("ranked", options.ranked, "symbols by which to tell what units track", {.low = 1, .high = 10000000});
  program::add_threads(colour, options.threads);
}

}  // namespace

int main(int argc, char** argv) {
  return program::guarded("char_lm", [&] {
    program::Program frame(
        "char_lm", "Character-level language models: recurrent networks that learn to write like a text.");
    TrainOptions train_options;
    SampleOptions sample_options;
    EvalOptions eval_options;
    ColourOptions colour_options;
    frame.train("Learn a text; the model goes to the folder --out", train_options,
                [&](const Given& given) { return train_command(train_options, given); });
    add_sample(frame, sample_options);
    add_eval(frame, eval_options);
    add_colour(frame, colour_options);
    return frame.main(argc, argv);
  });
}
