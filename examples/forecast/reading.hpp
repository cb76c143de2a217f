#pragma once
/// \file How a run reads its table, found out from the part that trains and saved with the model.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "unroll/data/windows.hpp"
#include "unroll/io/json.hpp"

namespace unroll::forecast {

/// Columns by name, what they are for, and the sizes of the model that follow.
struct Reading {
  std::vector<std::string> columns;  ///< of the set, with those of the calendar and of words
  ColumnRoles roles;
  /// Columns of words, each with the words that it may hold.
  std::vector<std::pair<std::string, std::vector<std::string>>> words;
  std::int64_t past_features = 1, known_features = 0, fixed_features = 0;
  std::int64_t order = 0;   ///< of the linear part
  std::int64_t season = 0;  ///< rows; 0: none
  bool dated = false;       ///< there is a column of times
  std::int64_t end = 0;     ///< the first time, or row, that nothing was learned from
  std::string last;         ///< the last one that trained, for messages

  void to_json(nlohmann::ordered_json& json) const;
  /// Errors: DataError that begins with the value's place.
  static Reading from_json(const io::JsonValue& value);
};

}  // namespace unroll::forecast
