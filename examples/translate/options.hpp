#pragma once
/// \file The options of translate, each in one place: command line, log and checkpoint are made from this
/// list.

#include "common/options.hpp"
#include "translate/model.hpp"

namespace unroll::translate {

using namespace program;

struct TrainOptions : program::RunOptions {
  static constexpr const char* kind = "translate";

  std::string text, valid, level = "word", normalise = "none", cell = "gru", decoder = "luong",
                           attention = "general";
  bool lowercase = false, tie = false;
  std::int64_t vocabulary = 2000, min_count = 2, max_length = 50, embedding = 256, hidden = 256, batch = 64;
  double dropout = 0.1, label_smoothing = 0, sampling = 0, valid_fraction = 0.05;
  int layers = 1;

  TrainOptions() { epochs = 20, lr = 3e-3, lr_decay = 0.95; }

  /// With one name for having no attention: both --decoder plain and --attention none mean it.
  TrainOptions resolved() const {
    TrainOptions result = *this;
    if (attention == "none" || decoder == "plain") result.attention = "none", result.decoder = "plain";
    return result;
  }

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit("lowercase", o.lowercase, "convert capitals to small letters", shaping());
    visit("normalise", o.normalise, normalise_help, shaping(later({.words = {"none", "nfc"}})));
    visit("level", o.level, "what a symbol is: word, or bpe: parts of words that are learned from the text",
          shaping(later({.words = {"word", "bpe"}})));
    visit("vocabulary", o.vocabulary, "symbols of either side to learn with --level bpe, at most",
          shaping(later(size_from(1))));
    visit("min-count", o.min_count,
          "words, or with --level bpe characters, that occur less often count as unknown", size_from(1));
    visit("max-length", o.max_length, "leave out pairs with more words on either side", size_from(1));
    visit("cell", o.cell, cell_help().c_str(), shaping({.known = is_cell}));
    visit("decoder", o.decoder, decoder_help().c_str(), shaping({.known = is_decoder}));
    visit(
        "attention", o.attention,
        "how a decoder compares: additive, dot, general or scaled-dot; none: not at all, as --decoder plain",
        shaping({.words = {"additive", "dot", "general", "scaled-dot", "none"}}));
    visit("embedding", o.embedding, "size of the embeddings", shaping(size_from(1)));
    visit("hidden", o.hidden, "size of the hidden state; even: the encoder's two directions share it",
          shaping(size_from(2)));
    visit("layers", o.layers, "recurrent layers of encoder and decoder", shaping({.low = 1, .high = 100}));
    visit("dropout", o.dropout, "share of embeddings and outputs to drop in training", share());
    visit("tie", o.tie, "one matrix for the target embedding and the output; needs equal sizes", shaping());
    visit("label-smoothing", o.label_smoothing, "share of the probability to spread over all words", share());
    visit("sampling", o.sampling,
          "k of scheduled sampling: after n steps the decoder hears its own words with probability 1 − k / "
          "(k + "
          "exp(n / k)); 0: the true ones only",
          at_least(0));
    visit("batch", o.batch, "pairs per batch", size_from(1));
    visit("valid-fraction", o.valid_fraction, "share of the pairs for validation, without --valid", share());
    visit_learning(o, visit);
  }

  template <class Self, class Visit>
  static void visit_changeable(Self& o, Visit&& visit) {
    visit("text", o.text, "file of pairs to learn, SOURCE TAB TARGET", Allowed{.path = true});
    visit("valid", o.valid, "file of pairs for validation", Allowed{.path = true});
    visit_duration(o, visit);
  }
};

}  // namespace unroll::translate
