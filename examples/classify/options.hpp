#pragma once
/// \file The options of classify, each in one place: command line, log and checkpoint are made from this
/// list.

#include "common/cell_choice.hpp"
#include "common/options.hpp"

namespace unroll::classify {

using namespace program;

struct TrainOptions : program::RunOptions, program::CellChoice {
  static constexpr const char* kind = "classify";

  std::string text, series, valid, level = "char", pool = "last", normalise = "none";
  std::int64_t min_count = 2, embedding = 64, hidden = 128, batch = 64;
  double embedding_dropout = 0.3, label_smoothing = 0;
  double valid_fraction = 0.15;
  std::uint64_t split_seed = 1;
  bool forward = false;

  TrainOptions() { optimizer = "adamw", epochs = 20, dropout = 0.5, keep = "last", schedule = "cosine"; }

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit("level", o.level, "what a text is made of: char or word", shaping({.words = {"char", "word"}}));
    visit("normalise", o.normalise, normalise_help, shaping(later({.words = {"none", "nfc"}})));
    visit("min-count", o.min_count, "characters or words that occur less often count as unknown",
          count_from(1));
    visit("embedding", o.embedding, "size of the embedding of a character or word", shaping(size_from(1)));
    visit("hidden", o.hidden, "size of the hidden state, in each direction", shaping(size_from(1)));
    visit_cell(o, visit, "share of each layer's outputs to drop in training");
    visit("forward", o.forward, "read forward only, not in both directions", shaping());
    visit("pool", o.pool, "how one vector is made of all steps: last, mean, max or attention",
          shaping({.words = {"last", "mean", "max", "attention"}}));
    visit("embedding-dropout", o.embedding_dropout, "share of the embedding's outputs to drop in training",
          share());
    visit("label-smoothing", o.label_smoothing, "share of the probability to spread over all classes",
          share());
    visit("batch", o.batch, "examples per update", size_from(1));
    visit("valid-fraction", o.valid_fraction, "share of the examples for validation, without --valid",
          share());
    visit("split-seed", o.split_seed, "chooses the examples for validation", at_least(0));
    visit_learning(o, visit);
  }

  template <class Self, class Visit>
  static void visit_changeable(Self& o, Visit&& visit) {
    visit("text", o.text, "a folder with a file for each class, or a file of lines `label TAB text`",
          Allowed{.path = true});
    visit("series", o.series, "instead of --text: a file of sequences of real vectors",
          Allowed{.path = true});
    visit("valid", o.valid, "a file or folder of the same kind, all of it for validation",
          Allowed{.path = true});
    visit_duration(o, visit);
  }
};

}  // namespace unroll::classify
