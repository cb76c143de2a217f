/// \file unroll export: a trained model as C.

#include <fmt/chrono.h>

#include <chrono>
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

/// What else there are runs of, told apart by an option, and why a step cannot be made of them.
struct OtherProgram {
  const char *option, *name, *why;
};
constexpr OtherProgram other_programs[] = {
    {"pool", "classify", "what it says of a text is made of all its steps together"},
    {"features", "tag", "it reads a sentence in both directions"},
    {"attention", "translate", "it looks at a whole sentence for each word that it writes"},
    {"horizon", "forecast",
     "each forecast reads a window of the past, beside a linear forecast from the same window"},
    {"digits", "addition", "it reads a whole sum before it writes"},
};

/// Errors: UsageError for the run of a program whose model is no step.
void check_program(const std::string& run) {
  std::error_code error;
  if (!std::filesystem::is_directory(run, error)) return;
  const auto config = MetricsLog::configuration(RunFolder(run).log());
  if (!config.is_object() || config.contains("seq-length")) return;
  for (const OtherProgram& other : other_programs)
    if (config.contains(other.option))
      raise<UsageError>(
          "{}: a run of {} cannot be written as a step: {}. Runs of char_lm can; of other networks the "
          "function export_c writes the parts that make a step",
          run, other.name, other.why);
}

/// The lines for the head of the file.
std::vector<std::string> notes_of(const char_lm::SavedRun& run, const std::string& file) {
  std::error_code error;
  const auto saved = std::filesystem::last_write_time(file, error);
  const auto date = std::chrono::system_clock::to_time_t(std::chrono::file_clock::to_sys(saved));
  std::vector<std::string> notes{
      fmt::format(
          "A language model of {} symbols: a step takes the number of one, and gives the logits of the next.",
          run.reading.vocabulary.size()),
      fmt::format("Cell {}, {} layers of {}, from {} of {:%Y-%m-%d} after {} steps{}.", run.options.cell,
                  run.options.layers, run.options.hidden, file, fmt::gmtime(date), run.loop.step,
                  run.loop.best ? fmt::format(", validation loss {:.4f}", *run.loop.best) : std::string())};
  const auto add = [&](const std::string& text) {
    for (std::size_t at = 0; at < text.size(); at += 100) notes.push_back(text.substr(at, 100));
  };
  auto options = run.options;
  add("Options: " + to_json(program::list_of(options)).dump());
  std::string symbols = "Symbols:";
  for (std::int64_t k = 0; k < run.reading.vocabulary.size() && symbols.size() < 4000; ++k)
    symbols += fmt::format(" {}={}", k, nlohmann::json(run.reading.vocabulary.symbol(k)).dump());
  add(symbols);
  return notes;
}

int export_command(const ExportOptions& options) {
  check_program(options.run);
  const std::string file = find_checkpoint(options.run);
  const char_lm::SavedRun run = char_lm::load_run(file);
  const char_lm::LanguageModel model = char_lm::trained_model(run);
  export_c(model.parts(), options.c,
           {.math = options.math == "fast" ? CMath::fast : CMath::exact,
            .jacobian = options.jacobian,
            .notes = notes_of(run, file)});
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
