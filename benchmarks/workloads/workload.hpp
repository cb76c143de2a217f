#pragma once
/// \file The table of workloads: one list for each family, each in a file of its own.

#include <functional>
#include <string>
#include <vector>

#include "measure.hpp"

namespace bench {

struct Workload {
  std::string name;  ///< "W9-T100" belongs to the family "W9"
  std::string what;
  /// Runs it for about so many seconds; the result's name is filled in by the caller.
  std::function<Result(double seconds)> run;
};
using Workloads = std::vector<Workload>;

template <class T>
Workloads character_workloads();  // W1, W6
template <class T>
Workloads layer_workloads();  // W2, W3, W4 and their variants
template <class T>
Workloads translation_workloads();  // W5
template <class T>
Workloads node_workloads();  // W7
template <class T>
Workloads cell_workloads();  // W8
template <class T>
Workloads growth_workloads();  // W9

}  // namespace bench
