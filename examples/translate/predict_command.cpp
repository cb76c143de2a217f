
#include "common/command_line.hpp"
#include "common/line_reader.hpp"
#include "translate/alignment_plot.hpp"
#include "translate/commands.hpp"
#include "translate/trainer.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::translate {
namespace {

class Predictor {
 public:
  Predictor(const PredictOptions& options, const SavedRun& run)
      : options_(options), reading_(run.reading), model_(trained_model(run)), plot_(options.plot) {
    if (!plot_.empty() && run.options.resolved().attention == "none")
      raise<UsageError>("--attention-plot: this model has no attention");
  }

  /// The translations of a line, one a line, after their ln p if several are asked for.
  std::string translations(const std::string& line, const std::string& place) {
    const auto [ids, source, unknown] = reading_.symbols(line, Side::source);
    if (source.empty()) return "\n";
    note_unknown(source, place);
    SequencePairs pair{Indices({std::ssize(ids), 1}, ids), {std::ssize(ids)}, Indices({0, 1}, {}), {0}};
    const auto found = translate(model_, reading_, pair, options_.search)[0];
    if (!plot_.empty()) plot(pair, source, found.front());
    std::string text;
    for (const Hypothesis& h : found) {
      if (options_.search.best > 1) text += fmt::format("{:.4f}\t", h.log_probability);
      text += joined(words_of(h, reading_)) + "\n";
    }
    return text;
  }

  /// At the end of the input.
  void note_missing_plot() const {
    if (!plot_.empty())
      complain("translate",
               fmt::format("--attention-plot {}: not written: there was no line to translate", plot_));
  }

 private:
  void note_unknown(const Words& source, const std::string& place) const {
    std::string unknown;
    for (const std::string& word : source)
      if (!reading_.source.find(word)) unknown += (unknown.empty() ? "" : ", ") + printable(word);
    if (!unknown.empty())
      complain("translate", fmt::format("{}: never seen, read as <unknown>: {}", place, unknown));
  }

  // Of the first line that has words: the file has one plot.
  void plot(SequencePairs pair, const Words& source, const Hypothesis& h) {
    pair.target = Indices({std::ssize(h.symbols), 1}, h.symbols);
    pair.target_lengths = {std::ssize(h.symbols)};
    Words target;
    for (const auto id : h.symbols) target.push_back(reading_.target.symbol(id));
    target.push_back("(end)");
    try {
      write_alignment_plot(plot_, source, target, model_->alignment(pair));
    } catch (const DataError& error) {
      raise<DataError>("--attention-plot {}", error.what());
    }
    plot_.clear();
  }

  const PredictOptions& options_;
  const Reading& reading_;
  Translator model_;
  std::string plot_;
};

}  // namespace

int predict_command(const PredictOptions& options) {
  const auto run = load_run<TrainOptions, Reading>(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  Predictor predictor(options, run);
  LineReader lines(standard_input(), "standard input", note_to_stderr("translate"));
  while (const auto line = lines.next())
    write_out(predictor.translations(*line, fmt::format("standard input:{}", lines.number())));
  predictor.note_missing_plot();
  return 0;
}

}  // namespace unroll::translate
