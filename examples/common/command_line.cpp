#include "common/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdio>
#include <cstdlib>

#include "unroll/data/utf8.hpp"
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

std::optional<int> CommandLine::read(int argc, char** argv, const std::string& name) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_->exit(error);
    const std::string& program = name.empty() ? app_->get_name() : name;
    complain(program, fmt::format("{}\n{} --help tells what it can do.", error.what(), program));
    return 2;
  }
  return {};
}

}  // namespace unroll::program
