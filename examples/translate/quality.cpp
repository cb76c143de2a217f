#include "translate/quality.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "unroll/train/loop.hpp"

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
  return reading.words_of(hypothesis.symbols, Side::target);
}

std::vector<std::vector<std::int64_t>> batches_to_measure(const Corpus& corpus) {
  constexpr std::int64_t most_pairs = 64, most_numbers = 4'000'000, numbers_of_word = 200;
  const std::vector<std::int64_t> lengths = corpus.lengths();
  std::vector<std::int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(),
                           [&](auto k) { return lengths[static_cast<std::size_t>(k)]; });

  std::vector<std::vector<std::int64_t>> batches;
  std::int64_t source = 0, target = 0;  // the longest of the batch
  for (const std::int64_t pair : order) {
    const auto k = static_cast<std::size_t>(pair);
    const std::int64_t s = std::ssize(corpus.source[k]), t = std::ssize(corpus.target[k]) + 1;
    source = std::max(source, s), target = std::max(target, t);
    const std::int64_t numbers = source * target + numbers_of_word * (source + target);
    const std::int64_t pairs = batches.empty() ? most_pairs : std::ssize(batches.back());
    if (pairs == most_pairs || (pairs + 1) * numbers > most_numbers)
      batches.emplace_back(), source = s, target = t;
    batches.back().push_back(pair);
  }
  return batches;
}

Quality measure(const Translator& model, const Reading& reading, const Corpus& corpus,
                const SearchOptions& options) {
  const NoGrad off;
  Quality quality;
  WeightedMean loss;
  for (const auto& which : batches_to_measure(corpus)) {
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
