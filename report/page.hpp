#pragma once
/// \file Training runs as one page of HTML, which needs nothing beside it.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/report/run_log.hpp"
#include "unroll/train/run_details.hpp"

namespace unroll::report {

/// A run, as far as its folder tells.
struct Run {
  std::string name = {};                   ///< the folder's
  std::string folder = {};                 ///< as it was given
  RunLog log = {};                         ///< of metrics.jsonl
  std::optional<RunDetails> details = {};  ///< of report.json
  std::vector<std::string> notes = {};     ///< what could not be read
};

/// What:   reads a run's folder, or a log by itself.
/// Errors: DataError naming the path if there is no log, or it cannot be read.
Run read_run(const std::string& path, const RunLogOptions& options = {});

/// The program that draws the charts, as text to stand in the page: dygraphs.
/// Lifetime: the texts outlive the page's making.
struct ChartLibrary {
  std::string_view script = {};   ///< JavaScript that defines Dygraph
  std::string_view style = {};    ///< CSS
  std::string_view licence = {};  ///< its licence, which is shown on the page
};

/// How a page is made.
struct PageOptions {
  std::string title = {};      ///< in place of one made from the runs' names
  double refresh_seconds = 0;  ///< the page loads itself again this often; 0: never
  std::string written = {};    ///< when, as it is to be shown
};

/// What:   the page: curves, options and what differs between runs, samples, tables, the network, the machine.
///         Its content security policy allows its own scripts and styles by a nonce, and nothing else, no network.
///         What comes from the runs is data that scripts show as text.
/// Errors: UsageError without runs.
std::string page(const std::vector<Run>& runs, const ChartLibrary& charts, const PageOptions& options = {});

}  // namespace unroll::report
