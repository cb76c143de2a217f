/// \file unroll export: a trained model as C.

#include <memory>
#include <nlohmann/json.hpp>

#include "char_lm/saved_run.hpp"
#include "unroll/export/export_c.hpp"
#include "unroll/subcommands.hpp"
#include "unroll/train/metrics_log.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::tool {
namespace {

struct ExportOptions {
  std::string run, c, math = "exact";
  bool jacobian = false;
};

/// Which program a run is of, as its log says; empty if there is none.
std::string program_of(const std::string& run) {
  std::error_code error;
  if (!std::filesystem::is_directory(run, error)) return {};
  const auto config = MetricsLog::configuration(RunFolder(run).log());
  for (const char* mark : {"seq-length", "pool", "features", "attention", "horizon", "digits"})
    if (config.is_object() && config.contains(mark)) return mark;
  return {};
}

int export_command(const ExportOptions& options) {
  const std::string mark = program_of(options.run);
  if (!mark.empty() && mark != "seq-length")
    raise<UsageError>(
        "{}: its model reads a whole sequence before it answers, and cannot be written as a step; runs of "
        "char_lm "
        "can",
        options.run);
  const std::string file = find_checkpoint(options.run);
  const char_lm::SavedRun run = char_lm::load_run(file);
  const char_lm::LanguageModel model = char_lm::trained_model(run);
  std::vector<std::string> notes{
      fmt::format(
          "A language model of {} symbols: a step takes the number of one, and gives the logits of the next.",
          run.reading.vocabulary.size()),
      fmt::format("Cell {}, {} layers of {}, from {} after {} steps{}.", run.options.cell, run.options.layers,
                  run.options.hidden, file, run.loop.step,
                  run.loop.best ? fmt::format(", validation loss {:.4f}", *run.loop.best) : std::string())};
  std::string symbols = "Symbols:";
  for (std::int64_t k = 0; k < run.reading.vocabulary.size() && symbols.size() < 4000; ++k)
    symbols += fmt::format(" {}={}", k, nlohmann::json(run.reading.vocabulary.symbol(k)).dump());
  for (std::size_t at = 0; at < symbols.size(); at += 100) notes.push_back(symbols.substr(at, 100));
  export_c(model.parts(), options.c,
           {.math = options.math == "fast" ? CMath::fast : CMath::exact,
            .jacobian = options.jacobian,
            .notes = std::move(notes)});
  fmt::print("{} and its header\n", options.c);
  return 0;
}

}  // namespace

void add_export(program::Program& program) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App& app = program.command("export", "Write a trained model as one C file that needs no library",
                                  [options] { return export_command(*options); });
  program::add_word(app, "RUN", options->run, "folder of a run of char_lm, or a checkpoint");
  program::AddOption add{app};
  add("c", options->c, "the C file to write; its header gets the same name");
  add("math", options->math, "exact: exp, tanh and the like from libm; fast: as polynomials in the file",
      program::Allowed{.words = {"exact", "fast"}});
  add("jacobian", options->jacobian, "also a function that gives the derivatives of a step");
}

}  // namespace unroll::tool
