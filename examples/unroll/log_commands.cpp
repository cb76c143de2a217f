/// \file unroll csv, unroll events: a run's log for other programs.

#include <filesystem>
#include <memory>

#include "common/line_reader.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/event_file.hpp"
#include "unroll/piece_file.hpp"
#include "unroll/report/csv.hpp"
#include "unroll/subcommands.hpp"
#include "unroll/train/progress.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::tool {
namespace {

struct LogOptions {
  std::string run, out;
};

/// The log of a run's folder, or the log itself.
std::string log_of(const std::string& run) {
  std::error_code error;
  if (!std::filesystem::is_directory(run, error)) return run;
  const RunFolder folder(run);
  if (!RunFolder::exists(folder.log())) raise<DataError>("{}: holds no run: there is no metrics.jsonl", run);
  return folder.log();
}

int csv_command(const LogOptions& options) {
  const std::string log = log_of(options.run);
  if (options.out.empty())
    return report::log_as_csv(log, [](std::string_view piece) { program::write_out(std::string(piece)); }), 0;
  PieceFile file(options.out);
  report::log_as_csv(log, [&](std::string_view piece) { file.write(piece); });
  file.finish();
  fmt::print("{}\n", printable(options.out, options.out.size()));
  return 0;
}

int events_command(const LogOptions& options) {
  const std::string log = log_of(options.run);
  const std::string to =
      options.out.empty()
          ? (std::filesystem::path(log).parent_path() / "events.out.tfevents.0.unroll").string()
          : options.out;
  PieceFile file(to);
  const std::int64_t count = log_as_events(log, [&](std::string_view piece) { file.write(piece); });
  file.finish();
  fmt::print("{}: {}\n", printable(to, to.size()), counted(count, "event"));
  return 0;
}

void add(program::Program& program, const char* name, const char* help, const char* out,
         int (*command)(const LogOptions&)) {
  const auto options = std::make_shared<LogOptions>();
  CLI::App& app = program.command(name, help, [options, command] { return command(*options); });
  program::add_word(app, "RUN", options->run, "folder of a run, or its log");
  program::AddOption{app}("out", options->out, out);
}

}  // namespace

void add_csv(program::Program& program) {
  add(program, "csv", "Write a run's log as comma-separated values",
      "file to write; without: standard output", csv_command);
}

void add_events(program::Program& program) {
  add(program, "events", "Write a run's log as an event file for TensorBoard",
      "file to write; without: events.out.tfevents.0.unroll beside the log", events_command);
}

}  // namespace unroll::tool
