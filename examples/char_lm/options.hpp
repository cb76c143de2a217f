#pragma once
/// \file The options of char_lm, each in one place: command line, log and checkpoint are made from this list.

#include "common/cell_choice.hpp"
#include "common/options.hpp"

namespace unroll::char_lm {

using namespace program;

struct TrainOptions : program::RunOptions, program::CellChoice {
  static constexpr const char* kind = "char_lm";

  std::string text, index, level = "char", normalise = "none";
  std::int64_t vocabulary = 2000, min_count = 0, embedding = 0, hidden = 128, seq_length = 50, batch = 50;
  double valid_fraction = 0.05, weight_drop = 0, embedding_dropout = 0, ar = 0, tar = 0, label_smoothing = 0;
  bool tie = false;

  TrainOptions() { layers = 2; }

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit("level", o.level,
          "what a symbol is: char, word, bpe: parts of words that are learned from the text, or token: what "
          "stands "
          "between spaces in a prepared text, and the end of a line",
          shaping({.words = {"char", "word", "token", "bpe"}}));
    visit("vocabulary", o.vocabulary, "symbols to learn with --level bpe, at most",
          shaping(later(size_from(1))));
    visit("normalise", o.normalise, normalise_help, shaping(later({.words = {"none", "nfc"}})));
    visit("min-count", o.min_count,
          "symbols that occur less often count as unknown; 0: 2 for words, 1 for others", count_from(0));
    visit("embedding", o.embedding, "size of the embedding; 0: the size of the vocabulary, at most --hidden",
          shaping(size_from(0)));
    visit("hidden", o.hidden, "size of the hidden state", shaping(size_from(1)));
    visit_cell(o, visit, "share of each layer's outputs to drop in training");
    visit("weight-drop", o.weight_drop,
          "share of the weights on the state to drop, the same ones in a whole window", later(share()));
    visit("embedding-dropout", o.embedding_dropout,
          "share of the symbols whose embedding is dropped in a whole window", later(share()));
    visit("tie", o.tie, "one matrix for the embedding and the output; needs equal sizes", later(shaping()));
    visit("ar", o.ar, "weight of the mean square of the last layer's output in the loss of training",
          later(at_least(0)));
    visit("tar", o.tar, "the same for the change of that output from step to step", later(at_least(0)));
    visit("label-smoothing", o.label_smoothing, "share of the probability to spread over all symbols",
          later(share()));
    visit("seq-length", o.seq_length, "steps that gradients flow back", size_from(1));
    visit("batch", o.batch, "streams to read in parallel", size_from(1));
    visit("valid-fraction", o.valid_fraction, "share of the text, at its end, for validation", share());
    visit_learning(o, visit);
  }

  template <class Self, class Visit>
  static void visit_changeable(Self& o, Visit&& visit) {
    visit("text", o.text, "file to learn; the project's own sources by default", Allowed{.path = true});
    visit("index", o.index,
          "file for the text's symbols in numbers, made or used again; by default only a text above 64 MB "
          "has one, "
          "text.ids in --out",
          later({.path = true}));
    visit_duration(o, visit);
  }
};

}  // namespace unroll::char_lm
