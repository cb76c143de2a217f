#pragma once
/// \file The options of tag's training.

#include "common/cell_choice.hpp"
#include "common/options.hpp"

namespace unroll::tag {

using namespace program;

struct TrainOptions : program::RunOptions, program::CellChoice {
  static constexpr const char* kind = "tag";

  std::string text, valid, features = "both", normalise = "none";
  std::int64_t min_count = 1, embedding = 100, hidden = 128, char_embedding = 30, char_hidden = 50;
  std::int64_t batch = 32;
  double word_dropout = 0.5, label_smoothing = 0;

  TrainOptions() { epochs = 8, lr_decay = 0.8, dropout = 0.3; }

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit("features", o.features,
          "what represents a word: its embedding (words), its spelling (chars) or both",
          shaping({.words = {"both", "words", "chars"}}));
    visit("normalise", o.normalise, normalise_help, shaping(later({.words = {"none", "nfc"}})));
    visit("min-count", o.min_count, "words that occur less often count as unknown", count_from(1));
    visit("embedding", o.embedding, "size of a word's embedding", shaping(size_from(1)));
    visit("hidden", o.hidden, "size of the hidden state, in each direction", shaping(size_from(1)));
    visit_cell(o, visit, "share of the layers' inputs and outputs to drop in training");
    visit("char-embedding", o.char_embedding, "size of a character's embedding", shaping(size_from(1)));
    visit("char-hidden", o.char_hidden, "size of the hidden state over characters, in each direction",
          shaping(size_from(1)));
    visit("label-smoothing", o.label_smoothing, "share of the probability to spread over all tags",
          later(share()));
    visit("word-dropout", o.word_dropout, "share of the words seen once to count as unknown in training",
          Allowed{.low = 0, .high = 1});
    visit("batch", o.batch, "sentences per batch", size_from(1));
    visit_learning(o, visit);
  }

  template <class Self, class Visit>
  static void visit_changeable(Self& o, Visit&& visit) {
    visit("text", o.text,
          "file to learn: a line for each word, WORD TAB TAG, and a blank line after each sentence",
          Allowed{.path = true});
    visit("valid", o.valid, "file for choosing the best model; without it, the last model is the best",
          Allowed{.path = true});
    visit_duration(o, visit);
  }
};

}  // namespace unroll::tag
