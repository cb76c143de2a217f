/// \file char_lm: trains a character-level language model on a text, samples from it, evaluates it.

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <concepts>
#include <cstring>
#include <new>

#include "examples/char_lm/commands.hpp"

using namespace unroll;
using namespace unroll::char_lm;

namespace {

bool read_number(const std::string& text, double& value) { return CLI::detail::lexical_cast(text, value); }
/// CLI11 takes a whole number that is too large for the largest there is.
template <std::integral Value>
bool read_number(const std::string& text, Value& value) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end;
}

/// Refuses numbers outside [low, high], and NaN, which CLI::Range lets pass.
template <class Value>
CLI::Validator within(const Allowed& allowed) {
  constexpr auto largest = std::numeric_limits<Value>::max();
  const bool unbounded = allowed.high >= static_cast<double>(largest);
  std::string wanted = std::is_integral_v<Value> ? "a whole number " : "a number ";
  if (!unbounded)
    wanted += fmt::format("from {} to {}", allowed.low, allowed.high);
  else if (std::is_integral_v<Value>)
    wanted += fmt::format("from {} to {}", allowed.low, largest);
  else
    wanted += fmt::format("of at least {}", allowed.low);
  const auto check = [=](const std::string& text) {
    Value value{};
    const bool fine = read_number(text, value) && static_cast<double>(value) >= allowed.low &&
                      static_cast<double>(value) <= allowed.high;
    return fine ? std::string() : fmt::format("need {}; got {}", wanted, text);
  };
  return CLI::Validator(check, "");
}

/// Refuses an empty path: it would mean the folder that the program was started in.
CLI::Validator named() {
  return CLI::Validator(
      [](const std::string& text) {
        return text.empty() ? std::string("need a name; got an empty one") : "";
      },
      "");
}

/// Adds one option from the list in options.hpp.
struct AddOption {
  CLI::App& app;
  template <class Value>
  void operator()(const char* name, Value& value, const char* help, const Allowed& allowed) const {
    const std::string dashed = "--" + std::string(name);
    if constexpr (std::is_same_v<Value, bool>) {
      app.add_flag(dashed, value, help);
    } else {
      CLI::Option* option = app.add_option(dashed, value, help)->capture_default_str();
      if (!allowed.words.empty()) option->check(CLI::IsMember(allowed.words));
      if constexpr (std::is_arithmetic_v<Value>) option->check(within<Value>(allowed));
    }
  }
};

CLI::App* add_train(CLI::App& app, TrainOptions& options) {
  CLI::App* train = app.add_subcommand("train", "Learn a text; the model goes to the folder --out");
  train->add_option("--out", options.out, "folder for model, checkpoints and metrics.jsonl")
      ->required()
      ->check(named());
  visit_changeable(options, AddOption{*train});
  visit_fixed(options, AddOption{*train});
  CLI::Option* resume = train->add_flag("--resume", options.resume,
                                        "go on with the run in --out, to the bit as if never stopped");
  train->add_flag("--overwrite", options.overwrite, "begin anew, though --out holds a run")->excludes(resume);
  return train;
}

void add_threads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "threads; 0: as in training")
      ->check(within<int>({.low = 0, .high = 1024}))
      ->capture_default_str();
}

CLI::App* add_sample(CLI::App& app, SampleOptions& options) {
  CLI::App* sample = app.add_subcommand("sample", "Write text as the model does");
  sample->add_option("--model", options.model, "folder of a run (its best model), or a checkpoint")
      ->required()
      ->check(named());
  sample->add_option("--length", options.length, "characters or words to write")
      ->check(within<std::int64_t>(count_from(0)))
      ->capture_default_str();
  sample
      ->add_option("--temperature", options.drawing.temperature,
                   "below 1 safer, above 1 wilder; 0: no chance")
      ->check(within<double>(at_least(0)))
      ->capture_default_str();
  sample->add_option("--top-k", options.drawing.top_k, "draw from the k most probable only; 0: from all")
      ->check(within<std::int64_t>(count_from(0)))
      ->capture_default_str();
  sample
      ->add_option("--top-p", options.drawing.top_p,
                   "draw from the fewest that have this probability together")
      ->check(within<double>({.low = 0, .high = 1}))
      ->capture_default_str();
  sample->add_option("--prime", options.prime, "text to begin with; it is written too");
  sample->add_option("--seed", options.seed, "of the random numbers; without it, every call differs")
      ->check(within<std::uint64_t>(at_least(0)));
  add_threads(*sample, options.threads);
  return sample;
}

CLI::App* add_eval(CLI::App& app, EvalOptions& options) {
  CLI::App* eval = app.add_subcommand("eval", "Tell how well the model predicts a text");
  eval->add_option("--model", options.model, "folder of a run (its best model), or a checkpoint")
      ->required()
      ->check(named());
  eval->add_option("--text", options.text, "file to predict; without one, the project's own sources");
  eval->add_option("--valid-fraction", options.valid_fraction,
                   "predict only this share at the end, as training does; 0: all of it")
      ->check(within<double>({.low = 0, .high = 0.99}))
      ->capture_default_str();
  eval->add_option("--batch", options.batch, "streams that the text is cut into; 0: as in training")
      ->check(within<std::int64_t>(size_from(0)))
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

int complain(std::string_view what) {
  fmt::print(stderr, "char_lm: {}\n", what);
  return 1;
}

int run_and_explain(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const UsageError& error) {
    complain(error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    return complain("not enough memory");
  } catch (const std::exception& error) {
    return complain(error.what());
  }
}

/// Where a standard stream is closed, the next file that is opened takes its number, and what is meant for
/// the stream goes into that file. This keeps the number, for nothing to be written to or read from.
void keep_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(descriptor, F_GETFD) == -1 && errno == EBADF)
      // The lowest number that is free is this one.
      if (open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) == -1) _exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  keep_standard_streams();
  const int status = run_and_explain(argc, argv);
  errno = 0;
  const bool lost = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !lost) return status;
  const int failed = complain(errno == 0 ? "standard output: could not be written"
                                         : fmt::format("standard output: {}", std::strerror(errno)));
  return status == 0 ? failed : status;
}
