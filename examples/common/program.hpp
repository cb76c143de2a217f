#pragma once
/// \file The frame of every program: commands, help, messages, exit status. For main.cpp only.

#include <functional>
#include <string_view>

#include "common/command_line.hpp"

namespace unroll::program {

/// A program with commands:
///
///     program::Program tag("tag", "Finds the parts of speech of words.");
///     tag.train("Learn …", options,
///               [&](const Given& given) { return run_training<Tagger>(options, given); });
///     CLI::App& eval = tag.command("eval", "Tell how well …", [&] { return eval_command(eval_options); });
///     program::add_model(eval, eval_options.model);
///     return tag.main(argc, argv);
///
/// Messages go to standard error and begin with the program's name. The exit status is the command's, 2 for a
/// UsageError or a wrong command line, 1 for any other error and for output that is lost.
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
    add("out", options.out, "folder for model, checkpoints and metrics.jsonl",
        {.named = true, .required = true});
    options.visit_changeable(options, add);
    options.visit_fixed(options, add);
    add("resume", options.resume, "go on with the run in --out, to the bit as if never stopped");
    add("overwrite", options.overwrite, "begin anew, though --out holds a run", {.excludes = "resume"});
    return app;
  }
  int main(int argc, char** argv);

 private:
  CLI::App& command_with_given(const std::string& name, const std::string& help,
                               std::function<int(const Given&)> action);
  int run(int argc, char** argv);
  int run_and_explain(int argc, char** argv);
  int complain(std::string_view what) const;

  std::string name_;
  CommandLine line_;
  std::vector<std::pair<CLI::App*, std::function<int(const Given&)>>> commands_;
};

/// `--model`, the folder of a run or a checkpoint.
void add_model(CLI::App& app, std::string& model);
/// `--threads`, where 0 means as in training.
void add_threads(CLI::App& app, int& threads);

}  // namespace unroll::program
