#include "examples/translate/quality.hpp"

#include <algorithm>

#include "train/loop.hpp"

namespace unroll::translate {

std::vector<std::vector<Hypothesis>> translate(const Translator& model, const Reading& reading,
                                               const SequencePairs& batch, const SearchOptions& options) {
  const Vocabulary& v = reading.target;
  std::vector<index_t> longest;  // by its own source, whatever stands beside it
  for (const index_t words : batch.source_lengths)
    longest.push_back(std::min(2 * words + 10, options.max_length));
  return model->search(batch.source, batch.source_lengths,
                       {.start = *v.start(),
                        .end = v.end(),
                        .forbidden = {*v.padding(), *v.unknown(), *v.start()},
                        .max_lengths = std::move(longest)},
                       {.beam = options.beam, .best = options.best, .alpha = options.alpha});
}

Words words_of(const Hypothesis& hypothesis, const Reading& reading) {
  Words words;
  for (const auto id : hypothesis.symbols) words.push_back(reading.target.symbol(id));
  return words;
}

Quality measure(const Translator& model, const Reading& reading, const Corpus& corpus,
                const SearchOptions& options) {
  const NoGrad off;
  Quality quality;
  WeightedMean loss;
  // In one pool: all pairs are sorted by length.
  const BucketedBatches batches(corpus.lengths(), {.batch = 64, .pool = corpus.size()});
  for (const auto& which : batches.epoch(0)) {
    const SequencePairs batch = make_batch(corpus, which);
    loss.add(double{model->loss(batch, {}).item()}, static_cast<double>(symbols_in(batch)));
    const auto found = translate(model, reading, batch, options);
    for (std::size_t k = 0; k < which.size(); ++k) {
      const Words words = words_of(found[k].front(), reading);
      const Words& reference = corpus.references[static_cast<std::size_t>(which[k])];
      quality.bleu.add(words, reference);
      quality.exact += words == reference;
      ++quality.sentences;
    }
  }
  quality.loss = loss.value();
  return quality;
}

}  // namespace unroll::translate
