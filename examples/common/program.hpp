#pragma once
/// \file The frame of every program: commands, help, messages, exit status. For main.cpp only.

#include <functional>
#include <string_view>

#include "common/command_line.hpp"

namespace unroll::program {

/// A program with commands:
///
///     return program::guarded("tag", [&] {  // all of main()
///       program::Program tag("tag", "Finds the parts of speech of words.");
///       tag.train("Learn …", options,
///                 [&](const Given& given) { return run_training<Tagger>(options, given); });
///       CLI::App& eval = tag.command("eval", "Tell how well …", [&] { return eval_command(eval_options); });
///       program::add_model(eval, eval_options.model);
///       return tag.main(argc, argv);
///     });
///
/// Messages go to standard error and begin with the program's name. The exit status is the command's, 2 for a
/// UsageError or a wrong command line, 1 for any other error and for output that is lost. Where nobody reads the output
/// any more (a broken pipe), there is no message, and the status is 128 + SIGPIPE.
class Program {
 public:
  using Action = std::function<int()>;

  Program(std::string name, const std::string& description);
  /// A command that `action` carries out; it returns the exit status.
  CLI::App& command(const std::string& name, const std::string& help, Action action);
  /// The command `train` with its options, which outlive this.
  template <class Options>
  CLI::App& train(const std::string& help, Options& options, std::function<int(const Given&)> action) {
    CLI::App& app = command_with_given("train", help, std::move(action));
    const AddOption add{app};
    add("out", options.out, "folder for model, checkpoints and metrics.jsonl", {.named = true});
    options.visit_changeable(options, add);
    options.visit_fixed(options, add);
    add("resume", options.resume, "go on with the run in --out, to the bit as if never stopped");
    add("overwrite", options.overwrite, "begin anew, though --out holds a run", {.excludes = "resume"});
    add("init", options.init,
        "run, or checkpoint, whose weights and vocabulary to begin with; what it does not know counts as "
        "unknown",
        {.named = true});
    add("grow-vocabulary", options.grow_vocabulary, "with --init: learn what its vocabulary does not have");
    add("find-lr", options.find_lr,
        "train nothing: raise the learning rate from step to step, suggest one, and write the losses to this "
        "file: a picture if it ends in .svg, else CSV",
        {.named = true});
    CommandLine::add_config(app);
    return app;
  }
  int main(int argc, char** argv);

 private:
  CLI::App& command_with_given(const std::string& name, const std::string& help,
                               std::function<int(const Given&)> action);
  int run(int argc, char** argv);

  std::string name_;
  CommandLine line_;
  std::vector<std::pair<CLI::App*, std::function<int(const Given&)>>> commands_;
};

namespace internal {
void prepare_process(const char* program) noexcept;
int status_of_exception(const char* program) noexcept;
int end_of_output(const char* program, int status) noexcept;
}  // namespace internal

/// The main() of a program: what `body` throws becomes a message and a status, from the first line on and even without
/// memory, also where a destructor is what gets none.
template <class Body>
int guarded(const char* program, Body body) noexcept {
  internal::prepare_process(program);
  int status = 0;
  try {
    status = body();
  } catch (...) {
    status = internal::status_of_exception(program);
  }
  return internal::end_of_output(program, status);
}

/// `--model`, the folder of a run or a checkpoint.
void add_model(CLI::App& app, std::string& model);
/// `--threads`, where 0 means as in training.
void add_threads(CLI::App& app, int& threads);

}  // namespace unroll::program
