/// \file char_lm: trains a character-level language model on a text, samples from it, evaluates it.

#include <CLI/CLI.hpp>
#include <new>

#include "examples/char_lm/commands.hpp"

using namespace unroll;
using namespace unroll::char_lm;

namespace {

/// Refuses numbers outside [low, high], and NaN, which CLI::Range lets pass.
CLI::Validator within(double low, double high = std::numeric_limits<double>::max()) {
  const bool unbounded = high == std::numeric_limits<double>::max();
  const auto wanted = unbounded ? fmt::format("at least {}", low) : fmt::format("from {} to {}", low, high);
  const auto check = [=](const std::string& text) {
    double value = 0;
    const bool fine = CLI::detail::lexical_cast(text, value) && value >= low && value <= high;
    return fine ? std::string() : fmt::format("need a number {}; got {}", wanted, text);
  };
  return CLI::Validator(check, "");
}

/// Adds one option from the list in options.hpp.
struct AddOption {
  CLI::App& app;
  template <class Value>
  void operator()(const char* name, Value& value, const char* help, const Allowed& allowed) const {
    CLI::Option* option = app.add_option("--" + std::string(name), value, help)->capture_default_str();
    if (!allowed.words.empty()) option->check(CLI::IsMember(allowed.words));
    if constexpr (std::is_arithmetic_v<Value>) option->check(within(allowed.low, allowed.high));
  }
};

CLI::App* add_train(CLI::App& app, TrainOptions& options) {
  CLI::App* train = app.add_subcommand("train", "Learn a text; the model goes to the folder --out");
  train->add_option("--out", options.out, "folder for model, checkpoints and metrics.jsonl")->required();
  visit_changeable(options, AddOption{*train});
  visit_fixed(options, AddOption{*train});
  CLI::Option* resume = train->add_flag("--resume", options.resume,
                                        "go on with the run in --out, to the bit as if never stopped");
  train->add_flag("--overwrite", options.overwrite, "begin anew, though --out holds a run")->excludes(resume);
  return train;
}

void add_threads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "threads; 0: as in training")
      ->check(within(0, 1024))
      ->capture_default_str();
}

CLI::App* add_sample(CLI::App& app, SampleOptions& options) {
  CLI::App* sample = app.add_subcommand("sample", "Write text as the model does");
  sample->add_option("--model", options.model, "folder of a run (its best model), or a checkpoint")
      ->required();
  sample->add_option("--length", options.length, "characters or words to write")
      ->check(within(0))
      ->capture_default_str();
  sample
      ->add_option("--temperature", options.drawing.temperature,
                   "below 1 safer, above 1 wilder; 0: no chance")
      ->check(within(0))
      ->capture_default_str();
  sample->add_option("--top-k", options.drawing.top_k, "draw from the k most probable only; 0: from all")
      ->check(within(0))
      ->capture_default_str();
  sample
      ->add_option("--top-p", options.drawing.top_p,
                   "draw from the fewest that have this probability together")
      ->check(within(0, 1))
      ->capture_default_str();
  sample->add_option("--prime", options.prime, "text to begin with; it is written too");
  sample->add_option("--seed", options.seed, "of the random numbers; without it, every call differs");
  add_threads(*sample, options.threads);
  return sample;
}

CLI::App* add_eval(CLI::App& app, EvalOptions& options) {
  CLI::App* eval = app.add_subcommand("eval", "Tell how well the model predicts a text");
  eval->add_option("--model", options.model, "folder of a run (its best model), or a checkpoint")->required();
  eval->add_option("--text", options.text, "file to predict; without one, the project's own sources");
  eval->add_option("--valid-fraction", options.valid_fraction,
                   "predict only this share at the end, as training does; 0: all of it")
      ->check(within(0, 1))
      ->capture_default_str();
  eval->add_option("--batch", options.batch, "streams that the text is cut into; 0: as in training")
      ->check(within(0))
      ->capture_default_str();
  add_threads(*eval, options.threads);
  return eval;
}

std::set<std::string> given_options(const CLI::App& command) {
  std::set<std::string> names;
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0) names.insert(option->get_name().substr(2));
  return names;
}

int run(int argc, char** argv) {
  CLI::App app("Character-level language models: recurrent networks that learn to write like a text.");
  app.require_subcommand(1);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  TrainOptions train_options;
  SampleOptions sample_options;
  EvalOptions eval_options;
  const CLI::App* train = add_train(app, train_options);
  const CLI::App* sample = add_sample(app, sample_options);
  add_eval(app, eval_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    fmt::print(stderr, "char_lm: {}\nchar_lm --help tells what it can do.\n", error.what());
    return 2;
  }
  if (*train) return train_command(train_options, given_options(*train));
  return *sample ? sample_command(sample_options) : eval_command(eval_options);
}

}  // namespace

int main(int argc, char** argv) {
  const auto complain = [](const char* what) { fmt::print(stderr, "char_lm: {}\n", what); };
  try {
    return run(argc, argv);
  } catch (const UsageError& error) {
    complain(error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    complain("not enough memory");
  } catch (const std::exception& error) {
    complain(error.what());
  }
  return 1;
}
