#pragma once
/// \file A line of a log of metrics: values by name.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unroll {

/// A value in a log, kept as JSON: a number, a text, true or false, a list of texts, a LogLine, or a document of
/// nlohmann::ordered_json. Numbers are written with as many digits as it takes to read the same value back; one that is
/// not finite is null.
class LogValue {
 public:
  /// Nothing: null.
  LogValue() : json_("null") {}
  /// True or false.
  template <std::same_as<bool> B>
  LogValue(B value) : json_(value ? "true" : "false") {}
  /// A whole number.
  template <std::signed_integral Int>
  LogValue(Int value) : json_(std::to_string(value)) {}
  /// A whole number.
  template <std::unsigned_integral Count>
  requires(!std::same_as<Count, bool>) LogValue(Count value) : json_(std::to_string(value)) {}
  /// A number.
  template <std::floating_point Number>
  LogValue(Number value) : LogValue(static_cast<double>(value), 0) {}
  /// A text; what is not UTF-8 is replaced.
  LogValue(std::string_view text);
  /// The same.
  LogValue(const char* text) : LogValue(std::string_view(text)) {}
  /// The same.
  LogValue(const std::string& text) : LogValue(std::string_view(text)) {}
  /// A list of texts.
  LogValue(const std::vector<std::string>& texts);
  /// A document; include nlohmann's header to make one.
  LogValue(const nlohmann::ordered_json& document);
  /// An object.
  LogValue(const class LogLine& line);

  /// The value as JSON text.
  const std::string& json() const { return json_; }

 private:
  LogValue(double value, int);
  std::string json_;
};

/// Values by name, in order:
///
///     log.write({{"step", 100}, {"loss", 1.25}, {"best", true}});
class LogLine {
 public:
  /// No values.
  LogLine() = default;
  /// These values.
  LogLine(std::initializer_list<std::pair<std::string_view, LogValue>> values) {
    for (const auto& [name, value] : values) add(name, value);
  }
  /// All values of an object; include nlohmann's header to make one.
  LogLine(const nlohmann::ordered_json& object);

  /// Adds a value at the end, or gives the one of that name another value.
  void add(std::string_view name, const LogValue& value);
  /// Adds all values of another line.
  void add(const LogLine& others);
  /// Whether there are none.
  bool empty() const { return values_.empty(); }
  /// The values by name.
  const std::vector<std::pair<std::string, LogValue>>& values() const { return values_; }
  /// The object as JSON text.
  std::string json() const;

 private:
  std::vector<std::pair<std::string, LogValue>> values_;
};

}  // namespace unroll
