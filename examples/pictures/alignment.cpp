#include <string>

#include "pictures/pictures.hpp"
#include "unroll/layers/encoder_decoder.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"

namespace unroll::pictures {
namespace {

constexpr std::int64_t start = 26, end = 27;
constexpr std::size_t shortest = 4, longest = 10;

using Reverser = EncoderDecoder<GruCell<float>, LuongDecoder>;

/// Words, as letters from 0, and the same backward.
SequencePairs pairs_of(const std::vector<std::string>& words) {
  std::size_t most = 0;
  for (const std::string& w : words) most = std::max(most, w.size());
  const std::size_t count = words.size();
  std::vector<std::int64_t> source(most * count, 0), target = source, lengths;
  for (std::size_t b = 0; b < count; ++b) {
    lengths.push_back(static_cast<std::int64_t>(words[b].size()));
    for (std::size_t t = 0; t < words[b].size(); ++t) {
      source[t * count + b] = words[b][t] - 'a';
      target[t * count + b] = words[b][words[b].size() - 1 - t] - 'a';
    }
  }
  const Shape shape{static_cast<index_t>(most), static_cast<index_t>(count)};
  return {Indices(shape, source), lengths, Indices(shape, target), lengths};
}

std::vector<std::string> draw_words(std::size_t count, Generator& rng) {
  std::vector<std::string> words(count);
  for (std::string& word : words) {
    word.resize(shortest + rng.below(longest - shortest + 1));
    for (char& c : word) c = static_cast<char>('a' + rng.below(26));
  }
  return words;
}

}  // namespace

report::Figure alignment(const Effort& effort) {
  const std::string word = "recurrence";
  Generator rng(1);
  Reverser model(
      {.source_symbols = 26, .target_symbols = 28, .start = start, .end = end, .embedding = 24, .hidden = 48},
      rng);
  Adam adam(parameters(model), {.lr = 5e-3});
  for (int k = effort.updates(800); k-- > 0;) {
    model.loss(pairs_of(draw_words(32, rng))).backward();
    clip_grad_norm(parameters(model), 1);
    adam.step(), adam.zero_grad();
  }
  const NoGrad no_tape;
  const Variable<float> weights = model.alignment(pairs_of({word}));
  report::HeatMap map{.width = word.size(),
                      .values = {weights.data(), weights.data() + weights.size()},
                      .full = 1.0,
                      .unit = "weight",
                      .row_title = "written",
                      .column_title = "attended to",
                      .cell = 30.0,
                      .upright = true};
  for (const char c : word) map.columns.emplace_back(1, c);
  map.rows.assign(map.columns.rbegin(), map.columns.rend());
  map.rows.emplace_back("end");
  return {.title = "Writing a word backward",
          .description =
              "Each letter that is written attends to its place in the word: the weights lie along the "
              "diagonal from the upper right to the lower left.",
          .width = 420,
          .panels = {map}};
}

}  // namespace unroll::pictures
