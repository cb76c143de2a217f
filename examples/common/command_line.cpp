#include "common/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "common/config_file.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/train/edit_distance.hpp"
#include "unroll/version.hpp"

namespace unroll::program {
namespace {

bool read_number(const std::string& text, double& value) {
  char* end = nullptr;
  value = std::strtod(text.c_str(), &end);
  return !text.empty() && end == text.c_str() + text.size();
}
/// CLI11 takes a whole number that is too large for the largest there is.
template <std::integral Value>
bool read_number(const std::string& text, Value& value) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end;
}

constexpr double largest_number = std::numeric_limits<double>::max();
bool limits(const Allowed& allowed) { return allowed.low > -largest_number || allowed.high < largest_number; }

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

template <class Value>
CLI::Option* add_option(CLI::App& app, const std::string& name, Value& value, const char* help,
                        const Allowed& allowed) {
  if constexpr (std::is_same_v<Value, bool>) {
    return app.add_flag(name, value, help);
  } else {
    CLI::Option* option = app.add_option(name, value, help)->capture_default_str();
    if (!allowed.words.empty()) option->check(CLI::IsMember(allowed.words));
    if (allowed.named) option->check(named());
    if constexpr (std::is_arithmetic_v<Value>)
      if (limits(allowed)) option->check(within<Value>(allowed));
    return option;
  }
}
CLI::Option* add_option(CLI::App& app, const std::string& name, std::optional<std::uint64_t>& value,
                        const char* help, const Allowed& allowed) {
  return app.add_option(name, value, help)->check(within<std::uint64_t>(allowed));
}

CLI::Option* add_place(CLI::App& app, const char* name, Place place, const char* help,
                       const Allowed& allowed) {
  return place.visit([&](auto& value) {
    CLI::Option* option = add_option(app, "--" + std::string(name), value, help, allowed);
    option->required(allowed.required);
    if (allowed.excludes) option->excludes(app.get_option("--" + std::string(allowed.excludes)));
    return option;
  });
}

/// A range as the help shows it for a value of type `type`.
std::string shown(const Allowed& allowed, const std::string& type) {
  if (allowed.high < largest_number) return fmt::format("{} in [{} - {}]", type, allowed.low, allowed.high);
  return allowed.low > 0 ? "POSITIVE" : allowed.low == 0 ? "NONNEGATIVE" : "";
}

/// What a word on the command line was meant for: a name that begins with it, or differs in few letters.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& names) {
  std::optional<std::string> best;
  std::int64_t fewest = 1 + std::ssize(word) / 4;
  for (const std::string& name : names) {
    const std::int64_t distance = word.size() > 1 && name.starts_with(word) ? 0 : edit_distance(word, name);
    if (distance < fewest || (distance == fewest && !best)) best = name, fewest = distance;
  }
  return best;
}

/// `did you mean --hidden?` for the first of some words that is close to one that `app` knows.
std::string suggestion(const CLI::App& app, const std::vector<std::string>& unknown) {
  std::vector<std::string> options, commands;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) options.push_back(name);
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  for (const std::string& word : unknown) {
    const std::size_t begin = std::min(word.find_first_not_of('-'), word.size());
    const auto bare = std::string_view(word).substr(begin, word.find('=') - begin);
    if (const auto name = nearest(bare, begin > 0 ? options : commands))
      return fmt::format("did you mean {}{}?\n", begin > 0 ? "--" : "", *name);
  }
  return {};
}

}  // namespace

void complain(std::string_view program, std::string_view what) noexcept {
  const auto put = [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); };
  put(program), put(": ");
  try {
    for (bool first = true; !what.empty(); first = false) {  // by lines
      const std::size_t end = std::min(what.find('\n'), what.size());
      if (!first) put("\n");
      put(printable(what.substr(0, end), end));
      what.remove_prefix(std::min(end + 1, what.size()));
    }
  } catch (...) {
    put("not enough memory");
  }
  put("\n");
  std::fflush(stderr);
}

namespace {
int first_output_error = 0;

std::vector<std::string>& words_of_call() {
  static std::vector<std::string> words;
  return words;
}
}  // namespace

const std::vector<std::string>& command_words() noexcept { return words_of_call(); }

void note_lost_output(int error) noexcept {
  if (first_output_error == 0) first_output_error = error;
}
int lost_output() noexcept { return first_output_error; }

void AddOption::operator()(const char* name, Place value, const char* help, const Allowed& allowed) const {
  add_place(app, name, value, help, allowed);
}

CommandLine::CommandLine(const std::string& description) : app_(std::make_unique<CLI::App>(description)) {
  app_->set_version_flag("--version", "unroll " UNROLL_VERSION_STRING);
}
CommandLine::~CommandLine() = default;

void CommandLine::add(const char* name, Place value, const char* help, const Allowed& allowed) {
  CLI::Option* option = add_place(*app_, name, value, help, allowed);
  if (limits(allowed)) option->get_validator(0)->description(shown(allowed, option->get_type_name()));
}

void CommandLine::add_words(const char* name, std::vector<std::string>& words, const char* help) {
  app_->add_option(name, words, help);
}

void add_word(CLI::App& app, const char* name, std::string& word, const char* help) {
  app.add_option(name, word, help)->required()->check(named());
}

void add_words(CLI::App& app, const char* name, std::vector<std::string>& words, const char* help,
               bool required) {
  app.add_option(name, words, help)->required(required)->check(named());
}

namespace {
/// The commands that take what stands behind `--`. CLI11 reads that as options of the program if a command does not want it.
std::map<const CLI::App*, std::vector<std::string>*> rests;

/// The number of words before `--`, which go to CLI11; the others are given to the command that takes them.
int take_rest(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) return argc;
  const auto rest = std::find_if(rests.begin(), rests.end(), [&](const auto& entry) {
    return entry.first->get_parent() == &app && entry.first->get_name() == argv[1];
  });
  const auto end =
      std::find_if(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--"; });
  if (rest == rests.end() || end == argv + argc) return argc;
  rest->second->assign(end + 1, argv + argc);
  return static_cast<int>(end - argv);
}
}  // namespace

void add_rest(CLI::App& app, std::vector<std::string>& words) { rests[&app] = &words; }

void CommandLine::footer(const std::string& text) { app_->footer(text); }

CLI::App& CommandLine::command(const std::string& name, const std::string& help) {
  app_->require_subcommand(1);
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  return *app_->add_subcommand(name, help);
}

std::optional<Given> CommandLine::given(const CLI::App& command) {
  if (!command) return {};
  Given names;
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0) names.insert(option->get_name().substr(2));
  return names;
}

void CommandLine::add_config(CLI::App& command) {
  command
      .add_option_function<std::vector<std::string>>(
          "--config", [](const std::vector<std::string>&) {},
          "file with options, a line `name = value` for each; those on the command line count more")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

namespace {

/// The files that `--config` names.
std::vector<std::string> config_files(const std::vector<std::string>& words) {
  constexpr std::string_view option = "--config";
  std::vector<std::string> files;
  for (std::size_t k = 0; k < words.size(); ++k) {
    if (words[k] == option && k + 1 < words.size())
      files.push_back(words[++k]);
    else if (words[k].starts_with(option) && words[k].size() > option.size() &&
             words[k][option.size()] == '=')
      files.push_back(words[k].substr(option.size() + 1));
  }
  return files;
}

/// An entry as words of the command line.
/// Errors: DataError for an option that the command does not have.
void append_words(const CLI::App& command, const ConfigEntry& entry, std::vector<std::string>& words) {
  const CLI::Option* option = command.get_option_no_throw("--" + entry.name);
  if (!option || entry.name == "help" || entry.name == "config") {
    std::vector<std::string> names;
    for (const CLI::Option* known : command.get_options())
      for (const std::string& name : known->get_lnames()) names.push_back(name);
    const auto meant = nearest(entry.name, names);
    raise<DataError>("{}: {} has no option --{}{}", entry.place, command.get_name(), entry.name,
                     meant ? fmt::format("; did you mean --{}?", *meant) : "");
  }
  if (option->get_expected_max() == 0)
    return words.push_back(fmt::format("--{}={}", entry.name, fmt::join(entry.values, ",")));
  words.push_back("--" + entry.name);
  words.insert(words.end(), entry.values.begin(), entry.values.end());
}

/// The words of the command line with those of its files, which come first, so that others count more.
std::vector<std::string> with_config(CLI::App& app, std::vector<std::string> words,
                                     std::vector<ConfigEntry>& entries) {
  const CLI::App* command = nullptr;
  for (const CLI::App* one : app.get_subcommands({}))
    if (words.size() > 1 && one->get_name() == words[1]) command = one;
  if (!command || !command->get_option_no_throw("--config")) return words;
  std::vector<std::string> from_files;
  for (const auto& file : config_files(words))
    for (auto& entry : read_config(file)) {
      append_words(*command, entry, from_files);
      entries.push_back(std::move(entry));
    }
  words.insert(words.begin() + 2, from_files.begin(), from_files.end());
  return words;
}

/// Where a message's option stands, if it stands in a file and not on the command line.
std::string place_of_mistake(std::string_view message, const std::vector<ConfigEntry>& entries,
                             const std::vector<std::string>& words) {
  for (const auto& entry : entries) {
    const std::string option = "--" + entry.name;
    const bool told = message.starts_with(option + ":") || message.starts_with(option + " ") ||
                      message.find(" " + option + " ") != message.npos ||
                      message.find("for " + option) != message.npos;
    const auto given = [&](const std::string& word) {
      return word == option || word.starts_with(option + "=");
    };
    if (told && std::ranges::none_of(words, given)) return entry.place + ": ";
  }
  return {};
}

/// The word that was read as -h and letters behind it, such as `-hidden`, where nobody asked for help; otherwise empty.
std::string mistaken_for_help(const std::vector<std::string>& words) {
  std::string mistaken;
  for (const auto& word : words) {
    if (word == "-h" || word == "--help") return {};
    if (word.starts_with("-h") && mistaken.empty()) mistaken = word;
  }
  return mistaken;
}

}  // namespace

int CommandLine::refuse(const std::string& message, const std::string& name,
                        const std::vector<std::string>& unknown) const {
  const std::string& program = name.empty() ? app_->get_name() : name;
  const auto commands = app_->get_subcommands();  // that were called
  const CLI::App& called = commands.empty() ? *app_ : *commands.back();
  const std::string command = commands.empty() ? "" : " " + called.get_name();
  complain(program,
           fmt::format("{}\n{}{}{} --help tells what it can do.", message,
                       suggestion(called, unknown.empty() ? called.remaining() : unknown), program, command));
  return 2;
}

std::optional<int> CommandLine::read(int argc, char** argv, const std::string& name) {
  words_of_call().assign(argv, argv + argc);
  const std::vector<std::string> words(argv, argv + take_rest(*app_, argc, argv));
  std::vector<ConfigEntry> entries;
  try {
    const auto all = with_config(*app_, words, entries);
    std::vector<const char*> pointers;
    for (const auto& word : all) pointers.push_back(word.c_str());
    app_->parse(static_cast<int>(pointers.size()), pointers.data());
  } catch (const DataError& error) {
    return refuse(fmt::format("--config: {}", error.what()), name);
  } catch (const CLI::CallForHelp& error) {
    const auto mistaken = mistaken_for_help(words);
    if (mistaken.empty()) return app_->exit(error);
    return refuse(fmt::format("{} is no option: names have two hyphens", mistaken), name, {mistaken});
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_->exit(error);
    return refuse(place_of_mistake(error.what(), entries, words) + error.what(), name);
  }
  return {};
}

}  // namespace unroll::program
