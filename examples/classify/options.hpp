#pragma once
/// \file The options of classify, each in one place: command line, log and checkpoint are made from this
/// list.

#include "common/options.hpp"
#include "common/recurrent.hpp"

namespace unroll::classify {

using namespace program;

struct TrainOptions : program::RunOptions {
  static constexpr const char* kind = "classify";

  std::string text, series, valid, level = "char", cell = "lstm", pool = "last", keep = "last",
                                   schedule = "cosine", normalise = "none";
  std::int64_t min_count = 2, embedding = 64, hidden = 128, batch = 64;
  double embedding_dropout = 0.3, dropout = 0.5, recurrent_dropout = 0, label_smoothing = 0;
  double valid_fraction = 0.15;
  std::uint64_t split_seed = 1;
  int layers = 1;
  bool forward = false;

  TrainOptions() { optimizer = "adamw", epochs = 20; }

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit("level", o.level, "what a text is made of: char or word", Allowed{.words = {"char", "word"}});
    visit("normalise", o.normalise, normalise_help, later({.words = {"none", "nfc"}}));
    visit("min-count", o.min_count, "characters or words that occur less often count as unknown",
          count_from(1));
    visit("cell", o.cell, cell_help().c_str(), Allowed{.known = is_cell});
    visit("embedding", o.embedding, "size of the embedding of a character or word", size_from(1));
    visit("hidden", o.hidden, "size of the hidden state, in each direction", size_from(1));
    visit("layers", o.layers, "recurrent layers", Allowed{.low = 1, .high = 1000});
    visit("forward", o.forward, "read forward only, not in both directions", Allowed{});
    visit("pool", o.pool, "how one vector is made of all steps: last, mean, max or attention",
          Allowed{.words = {"last", "mean", "max", "attention"}});
    visit("embedding-dropout", o.embedding_dropout, "share of the embedding's outputs to drop in training",
          share());
    visit("dropout", o.dropout, "the same for the outputs of each layer", share());
    visit("recurrent-dropout", o.recurrent_dropout,
          "share of the state to drop, the same elements at every step", share());
    visit("label-smoothing", o.label_smoothing, "share of the probability to spread over all classes",
          share());
    visit("batch", o.batch, "examples per update", size_from(1));
    visit("valid-fraction", o.valid_fraction, "share of the examples for validation, without --valid",
          share());
    visit("split-seed", o.split_seed, "chooses the examples for validation", at_least(0));
    visit("keep", o.keep, "the model to keep: the last, or the best by validation accuracy",
          Allowed{.words = {"last", "best"}});
    visit_learning(o, visit);
    visit("schedule", o.schedule, "cosine: the learning rate falls to 0 over all epochs; or constant",
          Allowed{.words = {"cosine", "constant"}});
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
