
#include "common/line_reader.hpp"
#include "tag/commands.hpp"
#include "tag/scores.hpp"
#include "tag/tagger.hpp"
#include "unroll/data/tokens.hpp"

namespace unroll::tag {

int predict_command(const PredictOptions& options) {
  const auto run = load_run<TrainOptions, Reading>(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const TagModel model = trained_model(run);
  const NoGrad no_grad;
  LineReader lines(standard_input(), "standard input", note_to_stderr("tag"));
  while (const auto line = lines.next()) {
    const auto tokens = split_words(*line);
    if (tokens.empty()) continue;
    const TaggedSentence sentence{.words = {tokens.begin(), tokens.end()}, .tags = {}};
    const std::int64_t only[] = {0};
    const auto tags = best_tags(model(make_batch(encode({sentence}, run.reading), only)));
    std::string text;
    for (std::size_t k = 0; k < sentence.words.size(); ++k)
      text +=
          fmt::format("{}\t{}\n", sentence.words[k], run.reading.tags.symbol(tags[static_cast<index_t>(k)]));
    write_out(text + "\n");
  }
  return 0;
}

}  // namespace unroll::tag
