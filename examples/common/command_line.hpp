#pragma once
/// \file Options on the command line, with their ranges.

#include <CLI/CLI.hpp>
#include <charconv>
#include <concepts>

#include "examples/common/options.hpp"

namespace unroll::program {

namespace internal {

inline bool read_number(const std::string& text, double& value) {
  return CLI::detail::lexical_cast(text, value);
}
/// CLI11 takes a whole number that is too large for the largest there is.
template <std::integral Value>
bool read_number(const std::string& text, Value& value) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end;
}

}  // namespace internal

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
    const bool fine = internal::read_number(text, value) && static_cast<double>(value) >= allowed.low &&
                      static_cast<double>(value) <= allowed.high;
    return fine ? std::string() : fmt::format("need {}; got {}", wanted, text);
  };
  return CLI::Validator(check, "");
}

/// Refuses an empty path: it would mean the folder that the program was started in.
inline CLI::Validator named() {
  return CLI::Validator(
      [](const std::string& text) {
        return text.empty() ? std::string("need a name; got an empty one") : "";
      },
      "");
}

/// Adds one option; what the lists of options.hpp are visited with, and good for others: `add("length",
/// options.length, "characters to write", count_from(0))`.
struct AddOption {
  CLI::App& app;
  template <class Value>
  void operator()(const char* name, Value& value, const char* help, const Allowed& allowed = {}) const {
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

}  // namespace unroll::program
