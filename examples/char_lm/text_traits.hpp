#pragma once
/// \file What can be said about a place in a text, and which units follow it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "char_lm/activity.hpp"

namespace unroll::char_lm {

/// Something about each place of a text, such as the position in its line, as the number of one of a few classes.
struct Trait {
  std::string name, meaning;
  std::vector<std::uint8_t> classes;  ///< after each symbol
  double entropy = 0;                 ///< in bits; 0 where all places are alike
};

/// All traits of a text that was cut into `symbols`: position in the line and in the word, quotes, brackets, indentation,
/// word starts, capitals. Each is told of the last character of a symbol.
std::vector<Trait> traits_of(const std::vector<std::string>& symbols);

/// How much units tell about a trait.
struct Tracking {
  /// For each unit: the mutual information of its value and the trait, as a share of the trait's entropy, less what shifted
  /// texts give by chance.
  std::vector<double> shares;
  /// The largest share that any unit has with a text that was shifted against it: what exceeds it is no chance.
  double floor = 0;
  std::vector<std::size_t> best;  ///< units, those that tell most first
};

/// What:   the mutual information of each unit, in 16 classes of equal size, and a trait. An estimate from few places is
///         too large, and the more so as neighbours in a text are alike: what the unit shares with the trait of the same text, shifted
///         in a circle by 19 random distances, is subtracted as its mean, and its maximum over all units is the floor.
/// Cost:   20 passes over the text for each unit.
Tracking track(const Activity& activity, const Trait& trait);

}  // namespace unroll::char_lm
