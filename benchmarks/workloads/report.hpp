#pragma once
/// \file What is told of a workload: a line on the terminal, a file of figures, a ratio to an earlier file.

#include <map>
#include <string>

#include "measure.hpp"

namespace bench {

struct Measured : Result {
  double limit = 0;         ///< GFLOP/s of a large product, measured beside it
  double resident_mib = 0;  ///< the process's peak so far, of which earlier workloads may be the cause
};

/// The process's largest resident memory so far, in MiB; 0 where the system does not tell.
double peak_resident_mib();

/// One line, beginning with the name; `before` is an earlier median, 0 where there is none.
std::string line(const Measured& m, double before);

/// How all workloads of a run were measured.
struct Setting {
  int threads = 1;
  bool use_double = false;
};
/// Writes figures as JSON.
/// Errors: DataError.
void write_figures(const std::string& file, const Setting& setting, const std::vector<Measured>& all);
/// Medians by name.
/// Errors: DataError for a file that cannot be read or is of something else.
std::map<std::string, double> read_medians(const std::string& file);

}  // namespace bench
