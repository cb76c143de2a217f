#pragma once
/// \file Options on the command line, with their ranges. CLI11 is compiled in command_line.cpp only.

#include <memory>
#include <string_view>

#include "common/option.hpp"

namespace CLI {
class App;
}

namespace unroll::program {

/// A line on standard error, `program: what`: control characters are escaped, whatever they came from. Where the line
/// is lost, there is nobody to tell.
void complain(std::string_view program, std::string_view what) noexcept;

/// Remembers why standard output could not be written, as errno, for the message at the program's end. The first reason
/// counts.
void note_lost_output(int error) noexcept;
/// What was remembered; 0: nothing.
int lost_output() noexcept;

/// The words that the program was called with, the first being its name; for its log.
const std::vector<std::string>& command_words() noexcept;

/// Adds one option; what the lists of options.hpp are visited with, and good for others: `add("length",
/// options.length, "characters to write", count_from(0))`. A bool is a flag.
struct AddOption {
  CLI::App& app;
  void operator()(const char* name, Place value, const char* help, const Allowed& allowed = {}) const;
};

/// A word of a command without an option's name, which must be given, under `name` in the help.
void add_word(CLI::App& app, const char* name, std::string& word, const char* help);
/// Words of a command without an option's name, under `name` in the help; at least one if they are required.
void add_words(CLI::App& app, const char* name, std::vector<std::string>& words, const char* help,
               bool required = true);

/// The words behind `--`, which are not read as options: the command line of another program.
void add_rest(CLI::App& app, std::vector<std::string>& words);

/// What a program is called with; `--help` and `--version` are there already:
///
///     program::CommandLine line("What the program does.");
///     line.add("steps", steps, "updates", at_least(0));
///     if (const auto status = line.read(argc, argv)) return *status;
class CommandLine {
 public:
  explicit CommandLine(const std::string& description);
  ~CommandLine();

  /// An option of the program itself, `--name`; a bool is a flag.
  void add(const char* name, Place value, const char* help, const Allowed& allowed = {});
  /// Words without an option's name, as many as there are.
  void add_words(const char* name, std::vector<std::string>& words, const char* help);
  /// Text after the help.
  void footer(const std::string& text);

  /// One of the commands that the program must be given then.
  CLI::App& command(const std::string& name, const std::string& help);
  /// Adds `--config FILE` to a command: its options from a file, a line `name = value` for each, as they are called on the
  /// command line; text may be quoted, a flag is true or false, `#` begins a comment, and a line in brackets is passed
  /// over. What stands on the command line counts more.
  static void add_config(CLI::App& command);
  /// The options that a command was given; nothing if it was not called.
  static std::optional<Given> given(const CLI::App& command);

  /// Nothing if all is well, or the exit status: help or version was asked for and is written, or a message is.
  /// The status of a wrong command line is 2. Its message begins with the program's `name`, or with what it was called
  /// by.
  std::optional<int> read(int argc, char** argv, const std::string& name = {});

 private:
  /// `unknown`: the words to suggest another for, in place of those that CLI11 leaves.
  int refuse(const std::string& message, const std::string& program,
             const std::vector<std::string>& unknown = {}) const;

  std::unique_ptr<CLI::App> app_;
};

}  // namespace unroll::program
