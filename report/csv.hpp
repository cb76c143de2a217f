#pragma once
/// \file A run's log as a table of comma-separated values.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <functional>
#include <string>
#include <string_view>

namespace unroll::report {

/// What:   gives the log to `write` in pieces: a header, and a row for each line that has a step. The columns are `step`
///         and all numbers and truth values (1, 0) of the log, in the order in which they first occur; a field is empty
///         where the line has none, and `nan` where it was not finite. Fields are quoted as RFC 4180 says.
/// Errors: DataError if the log cannot be read, or has more than 1,000 different numbers; what `write` throws.
/// Cost:   two passes over the file; memory does not grow with it.
void log_as_csv(const std::string& path, const std::function<void(std::string_view)>& write);

}  // namespace unroll::report
