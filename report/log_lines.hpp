#pragma once
/// \file The lines of a run's log, one after another, whatever they hold.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unroll::report {

/// What stands on a line of a log: the members of its object that are numbers, texts or truth values.
struct LogEntry {
  std::int64_t number = 0;                                      ///< of the line, from 1
  std::int64_t step = -1;                                       ///< −1: it has none
  std::vector<std::pair<std::string, double>> numbers = {};     ///< but the step; NaN for null
  std::vector<std::pair<std::string, std::string>> texts = {};  ///< but those inside of others
  std::vector<std::pair<std::string, bool>> flags = {};         ///< true and false
  std::string_view text = {};  ///< the line as it stands, while it is visited
  /// The number of that name; NaN if there is none.
  double number_of(std::string_view key) const;
  /// Whether there is a number of that name, be it NaN.
  bool has(std::string_view key) const;
};

/// What was met on the way.
struct LogLines {
  std::int64_t lines = 0;          ///< whole ones
  std::int64_t foreign = 0;        ///< of them, those that are no JSON object, or longer than a megabyte
  std::int64_t first_foreign = 0;  ///< the number of the first of those
  bool unfinished = false;         ///< what stands after the last whole line is a piece of one
};

/// Calls visit(line) for every whole line that is a JSON object. Others are counted and passed over.
/// Errors: DataError if the file cannot be read.
/// Cost:   memory for one line, whatever the size of the file.
LogLines for_each_log_line(const std::string& path, const std::function<void(const LogEntry&)>& visit);

}  // namespace unroll::report
