#pragma once
/// \file Sums to learn: "345+678" and "1023".

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/random.hpp"
#include "layers/encoder_decoder_options.hpp"

namespace unroll::addition {

struct Sum {
  std::int64_t a, b;
  bool operator==(const Sum&) const = default;
};

/// The numbers of the symbols: digits are themselves.
constexpr std::int64_t plus = 10, source_symbols = 11;
constexpr std::int64_t start = 10, end = 11, target_symbols = 12;

/// How sums are written and read; saved with the model.
struct Reading {
  std::int64_t digits = 3;  ///< of each number, at most
  bool reversed = false;    ///< questions are read from their end

  /// Pairs of numbers of up to `digits` digits, each length as likely as the others. One in twenty of all
  /// pairs is held out: training never sees these, and tests see nothing else.
  std::vector<Sum> draw(std::int64_t count, bool held_out, Generator& rng) const;
  /// Sums with their results, as a batch.
  SequencePairs batch(const std::vector<Sum>& sums) const;
  /// "345+678", with spaces where you like; nothing if it is no sum of numbers of up to `digits` digits.
  std::optional<Sum> parse(std::string_view text) const;

  nlohmann::ordered_json to_json() const;
  static Reading from_json(const nlohmann::ordered_json& json, std::string_view name);
};

/// Whether a pair is kept from training: a function of the pair alone.
bool held_out(const Sum& sum);

}  // namespace unroll::addition
