#include <memory>

#include "subcommands.hpp"
#include "unroll/autograd/error.hpp"

namespace unroll::tool {
namespace {

struct ReportOptions {
  std::vector<std::string> runs;
  std::string out;
};

int report_command(const ReportOptions& options) {
  raise<UsageError>("report: cannot write {} yet", options.out);
}

}  // namespace

void add_report(program::Program& program) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App& app = program.command("report", "Write what runs did as one HTML file",
                                  [options] { return report_command(*options); });
  program::add_words(app, "RUN", options->runs, "folders of runs, one or several to compare");
  program::AddOption{app}("out", options->out, "file to write; without: report.html in the first run's folder");
}

}  // namespace unroll::tool
