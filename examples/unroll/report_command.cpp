#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "unroll/autograd/error.hpp"
#include "unroll/charts.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/report/page.hpp"
#include "unroll/subcommands.hpp"
#include "unroll/train/run_folder.hpp"
#include "unroll/train/signals.hpp"

namespace unroll::tool {
namespace {

struct ReportOptions {
  std::vector<std::string> runs;
  std::string out, title;
  bool live = false;
  double every = 10;
};

std::string place_of(const ReportOptions& options) {
  if (!options.out.empty()) return options.out;
  std::error_code error;
  const std::filesystem::path first(options.runs.front());
  return (std::filesystem::is_directory(first, error) ? first : first.parent_path()) / "report.html";
}

std::string shown(const std::string& text) { return printable(text, text.size()); }

std::string now_text() {
  const time_t now = ::time(nullptr);
  tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), ::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &parts)};
}

/// The same run twice would be two curves, one behind the other.
std::vector<std::string> different(const std::vector<std::string>& runs) {
  std::vector<std::string> list;
  for (const auto& run : runs)
    if (std::ranges::find(list, run) == list.end()) list.push_back(run);
  return list;
}

std::vector<report::Run> read_runs(const std::vector<std::string>& paths) {
  // Many runs share what one has: the page stays small.
  const std::int64_t buckets = std::clamp<std::int64_t>(4096 / std::ssize(paths), 64, 1024);
  std::vector<report::Run> runs;
  for (const auto& path : paths) runs.push_back(report::read_run(path, {.buckets = buckets}));
  return runs;
}

bool is_complete(const report::Run& run) {
  const auto number = [&](const char* key) { return report::number_in(run.log.config, key); };
  const double total = number("epochs") * number("steps_per_epoch");
  return total >= 1 && static_cast<double>(run.log.last_step) >= total;
}

void write_page(const std::string& file, const std::vector<report::Run>& runs, const ReportOptions& options,
                bool live) {
  const std::string html = report::page(
      runs, {.script = dygraphs_script(), .style = dygraphs_style(), .licence = dygraphs_licence()},
      {.title = options.title, .refresh_seconds = live ? options.every : 0, .written = now_text()});
  io::write_file_atomically(file, std::as_bytes(std::span(html)));
}

void print_notes(const std::vector<report::Run>& runs) {
  for (const auto& run : runs) {
    auto notes = run.notes;
    notes.insert(notes.end(), run.log.notes.begin(), run.log.notes.end());
    for (const auto& note : notes) fmt::print("note: {}: {}\n", shown(run.folder), shown(note));
  }
}

/// Waits, or not so long if a signal comes.
void wait(double seconds, const StopSignals& signals) {
  for (double waited = 0; waited < seconds && signals.received() == 0; waited += 0.1)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

/// Writes the report again and again until all runs are done, or a signal comes. The last one does not load itself again.
void follow(const std::string& file, const std::vector<std::string>& paths, const ReportOptions& options) {
  const StopSignals signals;
  fmt::print(
      "{}: open it in a browser; it follows the training until that is done, or until you stop this with "
      "Ctrl-C\n",
      shown(file));
  std::fflush(stdout);
  for (;;) {
    const auto runs = read_runs(paths);
    const bool last = std::ranges::all_of(runs, is_complete) || signals.received() != 0;
    write_page(file, runs, options, !last);
    if (last) return print_notes(runs);
    wait(options.every, signals);
  }
}

int report_command(const ReportOptions& options) {
  const auto paths = different(options.runs);
  const std::string file = place_of(options);
  if (options.live) return follow(file, paths, options), 0;
  const auto runs = read_runs(paths);
  write_page(file, runs, options, false);
  print_notes(runs);
  fmt::print("{}\n", shown(file));
  return 0;
}

}  // namespace

void add_report(program::Program& program) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App& app = program.command("report", "Write what runs did, or how they compare, as one HTML file",
                                  [options] { return report_command(*options); });
  const program::AddOption add{app};
  program::add_words(app, "RUN", options->runs, "folders of runs, one or several to compare");
  add("out", options->out, "file to write; without: report.html in the folder of the first run");
  add("title", options->title, "title of the page");
  add("live", options->live, "write it again and again while the runs train; the open page follows");
  add("every", options->every, "seconds between two writings, with --live", {.low = 1, .high = 86400});
}

}  // namespace unroll::tool
