#pragma once
/// \file What a search over options may choose: lists and ranges.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace unroll::tool {

/// An option and what it may be.
struct Dimension {
  std::string text;                      ///< as it was given
  std::string name;                      ///< of the option, without dashes
  std::vector<std::string> values = {};  ///< of a list; empty for a range
  double low = 0, high = 0;              ///< of a range
  bool log = false;                      ///< drawn so that each factor is as likely as any other
  bool whole = false;                    ///< whole numbers only
  std::int64_t points = 0;               ///< in a grid; 0: each whole number
};

/// Reads `lr=log:1e-4..1e-2`, `hidden=32,64,128`, `layers=1..3`, `dropout=0..0.5`, `tie=on,off`; a range in a grid says how many
/// points it has: `lr=log:1e-4..1e-2/5`. A range is of whole numbers if both its ends are written as such.
/// Errors: UsageError that begins with the text, for anything else.
Dimension parse_dimension(const std::string& text);

/// An option and its value, for each dimension.
using Setting = std::vector<std::pair<std::string, std::string>>;

/// Settings drawn at random, all different: the first `count`, or as many as there are where all dimensions are lists. Which
/// they are depends on space and seed alone, so that a longer search begins with those of a shorter one.
std::vector<Setting> drawn_settings(const std::vector<Dimension>& space, std::uint64_t seed,
                                    std::int64_t count);

/// All combinations, the last dimension changing fastest.
/// Errors: UsageError for a range without points, unless it is of few whole numbers, and for more than 100,000 combinations.
std::vector<Setting> grid_settings(const std::vector<Dimension>& space);

/// `lr 0.0012, hidden 64`
std::string setting_text(const Setting& setting);

}  // namespace unroll::tool
