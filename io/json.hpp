#pragma once
/// \file JSON out of a file: parsed within limits, and read with checks.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unroll::io {

/// Lets a document go. The destructor of nlohmann::json asks for memory, and ends the process where there is none;
/// this asks for none.
struct JsonDeleter {
  /// Deletes it and all that it holds.
  void operator()(nlohmann::ordered_json* document) const noexcept;
};
/// A document that is let go without asking for memory.
using JsonDocument = std::unique_ptr<nlohmann::ordered_json, JsonDeleter>;

/// What a text may cost.
struct JsonLimits {
  std::uint64_t memory = 32 << 20;  ///< bytes for the values and for what a program makes of them, roughly
  int depth = 16;                   ///< of arrays and objects in one another; at most 64
};

/// The document that a text holds.
/// Errors: DataError that begins with `source` for what is no JSON, two values of one key, and beyond the limits.
/// Cost:   linear in the text, but for n log n in the keys of an object.
JsonDocument parse_json(std::string_view text, const std::string& source, const JsonLimits& limits = {});

/// A value of a document, to be read with its place in messages:
///
///     const JsonValue options = JsonValue(*document, file).at("options");
///     run.layers = options.at("layers").integer<int>(1, 1000);  // or "f: options: layers: need a whole number …"
///
/// Errors:   DataError that begins with the place where the value is of another kind, or out of range.
/// Lifetime: the document outlives it.
class JsonValue {
 public:
  /// A value at a place such as a file's name.
  JsonValue(const nlohmann::ordered_json& value, std::string place)
      : value_(&value), place_(std::move(place)) {}

  /// The value of a key.
  /// Errors: DataError too where there is none.
  JsonValue at(std::string_view key) const;
  /// Whether an object has a value of that key.
  bool contains(std::string_view key) const;
  /// Whether it is null.
  bool is_null() const;

  /// A whole number in [low, high].
  template <class T>
  T integer(T low = std::numeric_limits<T>::min(), T high = std::numeric_limits<T>::max()) const {
    if constexpr (std::numeric_limits<T>::is_signed) {
      return static_cast<T>(signed_in(low, high));
    } else {
      return static_cast<T>(unsigned_in(low, high));
    }
  }
  /// A number in [low, high]; whole ones are numbers too.
  double number(double low = std::numeric_limits<double>::lowest(),
                double high = std::numeric_limits<double>::max()) const;
  /// Whether it is true.
  bool boolean() const;
  /// A text.
  const std::string& text() const;
  /// A text that is one of these.
  const std::string& one_of(std::span<const std::string_view> words) const;
  /// The values of an array.
  std::vector<JsonValue> elements() const;
  /// The finite numbers of an array.
  std::vector<double> numbers() const;
  /// The texts of an array.
  std::vector<std::string> texts() const;

  /// The value itself.
  const nlohmann::ordered_json& json() const { return *value_; }
  /// Where it stands.
  const std::string& place() const { return place_; }
  /// Throws DataError `place: need …; got …`.
  [[noreturn]] void refuse(std::string_view needed) const;

 private:
  std::int64_t signed_in(std::int64_t low, std::int64_t high) const;
  std::uint64_t unsigned_in(std::uint64_t low, std::uint64_t high) const;

  const nlohmann::ordered_json* value_;
  std::string place_;
};

}  // namespace unroll::io
