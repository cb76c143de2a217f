#pragma once
/// \file Sums to learn: "345+678" and "1023".

#include <compare>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/autograd/random.hpp"
#include "unroll/io/json.hpp"
#include "unroll/layers/encoder_decoder_options.hpp"

namespace unroll::addition {

struct Sum {
  std::int64_t a, b;
  auto operator<=>(const Sum&) const = default;
};

/// The numbers of the symbols: digits are themselves.
constexpr std::int64_t plus = 10, source_symbols = 11;
constexpr std::int64_t start = 10, end = 11, target_symbols = 12;

/// The longest numbers: two of them add up to a 64-bit number.
constexpr std::int64_t most_digits = 17;

/// How sums are written and read; saved with the model.
struct Reading {
  std::int64_t digits = 3;  ///< of each number, at most
  bool reversed = false;    ///< questions are read from their end

  /// Sums to learn from, none of them held out. Half of the numbers have all the digits there may be, the
  /// others any number of them: short sums are rare among all, and are to be learned too.
  std::vector<Sum> practice(std::int64_t count, Generator& rng) const;
  /// Sums to test with: held out, all different, any two numbers below 10^digits as likely as any others.
  /// Fewer than `count` where there are no more.
  std::vector<Sum> tests(std::int64_t count, Generator& rng) const;
  /// Sums with their results, as a batch.
  SequencePairs batch(const std::vector<Sum>& sums) const;
  /// "345+678", with spaces where you like; nothing if it is no sum of numbers of up to `digits` digits.
  std::optional<Sum> parse(std::string_view text) const;

  void to_json(nlohmann::ordered_json& json) const;
  /// Errors: DataError that begins with the value's place.
  static Reading from_json(const io::JsonValue& value);
};

/// Whether a pair is kept from training, as one in twenty is: a function of the pair alone.
bool held_out(const Sum& sum);

}  // namespace unroll::addition
