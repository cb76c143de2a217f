#include "tag/scores.hpp"

#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/losses.hpp"

namespace unroll::tag {
namespace {

constexpr std::int64_t batch_size = 64;

double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

void count(const Batch& batch, const Corpus& corpus, const std::vector<std::int64_t>& which,
           std::int64_t unknown, const Indices& predicted, Scores& scores) {
  const auto columns = which.size();
  for (std::size_t b = 0; b < columns; ++b) {
    const auto& words = corpus.words[static_cast<std::size_t>(which[b])];
    for (std::size_t t = 0; t < words.size(); ++t) {
      const auto place = t * columns + b;
      const auto tag = batch.tags[static_cast<index_t>(place)];
      const auto guess = predicted[static_cast<index_t>(place)];
      const bool right = tag == guess;
      const bool is_unknown = corpus.types[static_cast<std::size_t>(words[t])].id == unknown;
      if (tag != unknown_tag) scores.matrix.add(tag, guess);
      scores.right += right;
      scores.unknown += is_unknown;
      scores.unknown_right += is_unknown && right;
    }
  }
}

}  // namespace

Indices best_tags(const Variable<float>& logits) { return argmax(logits, -1); }

double Scores::accuracy() const { return share(right, tokens); }
std::optional<double> Scores::unknown_accuracy() const {
  return unknown > 0 ? std::optional(share(unknown_right, unknown)) : std::nullopt;
}

Scores score(const TagModel& model, const Corpus& corpus, const Reading& reading, std::string_view name) {
  if (corpus.unknown_tags == corpus.tokens)
    raise<DataError>("{}: the model knows no tag of it, such as {}", name, corpus.first_unknown_tag);
  const NoGrad no_grad;
  TagModel reader = model;  // shares the parameters
  eval(reader);
  Scores scores(reading.tags.size());
  scores.tokens = corpus.tokens;
  // All in one pool: sentences of a batch are equally long.
  const BucketedBatches batches(corpus.lengths(), {.batch = batch_size, .pool = std::ssize(corpus.words)});
  for (const auto& which : batches.epoch(0)) {
    const Batch batch = make_batch(corpus, which);
    const Variable<float> logits = reader(batch);
    scores.loss += double{
        cross_entropy(logits, batch.tags, {.ignore_index = unknown_tag, .reduction = Reduction::sum}).item()};
    count(batch, corpus, which, *reading.words.unknown(), best_tags(logits), scores);
  }
  scores.loss /= static_cast<double>(corpus.tokens - corpus.unknown_tags);
  return scores;
}

}  // namespace unroll::tag
