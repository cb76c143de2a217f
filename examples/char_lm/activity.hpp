#pragma once
/// \file What the hidden units of a model do over a text, and what it expects to come next.

#include <array>
#include <string>
#include <vector>

#include "char_lm/model.hpp"

namespace unroll::char_lm {

/// What of a model to record.
struct ActivityOptions {
  std::string member;                ///< of the state, such as `c`; empty: the output of the layers
  std::vector<std::int64_t> layers;  ///< from 1; empty: all
  std::int64_t window = 50;  ///< after so many symbols a cell that cannot forget begins anew, as in training
};

/// A unit: its layer and its place there, both from 1.
struct Unit {
  std::int64_t layer, number;
};

/// A symbol that the model holds likely, by its number.
struct Guess {
  std::int64_t symbol;
  float probability;
};
constexpr std::size_t guess_count = 5;

/// The values of all units after each symbol of a text, unit by unit, and the guesses for the symbol that follows, the likeliest
/// first. Where there are fewer symbols than guesses, the rest have probability 0.
struct Activity {
  std::string member;  ///< the name of what was recorded
  std::int64_t steps = 0;
  std::vector<Unit> units;
  std::vector<float> values;  ///< (U, T)
  std::vector<std::array<Guess, guess_count>> guesses;
  double nats = 0;  ///< mean loss of the symbols after the first

  std::span<const float> of(std::size_t unit) const {
    return std::span(values).subspan(unit * static_cast<std::size_t>(steps), static_cast<std::size_t>(steps));
  }
};

/// Reads symbols one by one, from the model's initial state.
/// Errors: UsageError for a member or layer that there is not, naming those that there are, and for more than 2^28 values.
Activity record_activity(const LanguageModel& model, const std::vector<std::int64_t>& symbols,
                         const ActivityOptions& options);

}  // namespace unroll::char_lm
