#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "classify/commands.hpp"
#include "classify/trainer.hpp"
#include "common/line_reader.hpp"

namespace unroll::classify {
namespace {

/// `name TAB class TAB probability TAB class TAB probability …`, the most probable first.
std::string line_of(std::string_view name, const Variable<float>& log_p, const Reading& reading,
                    std::int64_t top) {
  std::vector<std::int64_t> order(reading.classes.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](std::int64_t c) { return log_p.data()[c]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(top)));
  std::string line(name);
  for (const auto c : order)
    line += fmt::format("\t{}\t{:.4f}", reading.classes[static_cast<std::size_t>(c)],
                        std::exp(double{log_p.data()[c]}));
  return line + "\n";
}

Variable<float> classify_one(const Classifier& model, const Example& example) {
  constexpr std::int64_t only = 0;
  return log_probabilities(model, batch_of({&example, 1}, {&only, 1}));
}

void predict_texts(const Classifier& model, const Reading& reading, std::int64_t top) {
  LineReader lines(standard_input(), "standard input", note_to_stderr("classify"));
  while (const auto line = lines.next()) {
    const auto text = trimmed(*line);
    write_out(text.empty() ? "\n"  // so that lines of input and output go together
                           : line_of(text, classify_one(model, number_text(text, reading)), reading, top));
  }
}

void predict_series(const Classifier& model, const Reading& reading, std::int64_t top) {
  const std::string raw{std::istreambuf_iterator<char>(standard_input()), {}};
  const SeriesSet set = parse_series(lines_of(raw, "standard input"));
  for (const auto& series : set.series)
    write_out(line_of(series.label, classify_one(model, number_series(series, set.features, reading)),
                      reading, top));
}

}  // namespace

int predict_command(const PredictOptions& options) {
  const auto run = load_run<TrainOptions, Reading>(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const auto predict = run.reading.is_series() ? predict_series : predict_texts;
  predict(trained_model(run), run.reading, options.top);
  return 0;
}

}  // namespace unroll::classify
