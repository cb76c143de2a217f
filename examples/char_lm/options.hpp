#pragma once
/// \file The options of char_lm, each in one place: command line, log and checkpoint are made from this list.

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "autograd/error.hpp"
#include "examples/char_lm/recurrent.hpp"

namespace unroll::char_lm {

struct TrainOptions {
  std::string text, out;
  std::string level = "char", cell = "lstm", optimizer = "adam";
  std::int64_t min_count = 0, embedding = 0, hidden = 128;
  std::int64_t seq_length = 50, batch = 50, epochs = 10, eval_every = 0;
  double lr = 2e-3, dropout = 0, clip = 5, valid_fraction = 0.05, time_limit = 0;
  double recurrent_dropout = 0, zoneout = 0, zoneout_memory = 0;
  std::uint64_t seed = 1;
  int layers = 2, threads = 0;
  bool variational = false, resume = false, overwrite = false;
};

/// The values an option may have: [low, high], or one of a few words.
struct Allowed {
  double low = std::numeric_limits<double>::lowest(), high = std::numeric_limits<double>::max();
  std::vector<std::string> words = {};
};
inline Allowed at_least(double low) { return {.low = low}; }
/// For sizes: all of them together stay far from the largest 64-bit number.
inline Allowed size_from(double low) { return {.low = low, .high = 1e9}; }
/// For numbers that only set a limit.
inline Allowed count_from(double low) { return {.low = low, .high = 1e15}; }

/// Calls visit(name, member, help, allowed) for every option that makes a run what it is: a run is continued
/// with these unchanged.
template <class Options, class Visit>
void visit_fixed(Options& o, Visit&& visit) {
  const Allowed share{.low = 0, .high = 0.99};
  visit("level", o.level, "what a symbol is: char or word", Allowed{.words = {"char", "word"}});
  visit("min-count", o.min_count, "rarer symbols count as unknown; 0: 1 for characters, 2 for words",
        count_from(0));
  visit("cell", o.cell, cell_help().c_str(), Allowed{});
  visit("embedding", o.embedding, "size of the embedding; 0: that of the vocabulary, at most --hidden",
        size_from(0));
  visit("hidden", o.hidden, "size of the hidden state", size_from(1));
  visit("layers", o.layers, "recurrent layers", Allowed{.low = 1, .high = 1000});
  visit("dropout", o.dropout, "share of each layer's outputs that is dropped in training", share);
  visit("variational", o.variational, "between layers, drop the same at every step of a window", Allowed{});
  visit("recurrent-dropout", o.recurrent_dropout, "share of the state dropped, the same at every step",
        share);
  visit("zoneout", o.zoneout, "share of the state h that keeps its value from the step before", share);
  visit("zoneout-memory", o.zoneout_memory, "the same for the rest of the state, as the c of an LSTM", share);
  visit("seq-length", o.seq_length, "steps that gradients go back", size_from(1));
  visit("batch", o.batch, "streams that are read in parallel", size_from(1));
  visit("valid-fraction", o.valid_fraction, "share of the text, at its end, that validates", share);
  visit("optimizer", o.optimizer, "sgd, adagrad, rmsprop, adam or adamw", Allowed{});
  visit("lr", o.lr, "learning rate (sgd wants about 1)", at_least(0));
  visit("clip", o.clip, "longest gradient, all parameters together; 0: any", at_least(0));
  visit("seed", o.seed, "of all random numbers", at_least(0));
}

/// The same for options that a continued run may change.
template <class Options, class Visit>
void visit_changeable(Options& o, Visit&& visit) {
  visit("text", o.text, "file to learn; without one, the project's own sources", Allowed{});
  visit("epochs", o.epochs, "times to read the whole text", size_from(1));
  visit("eval-every", o.eval_every, "steps between evaluations; 0: once an epoch", count_from(0));
  visit("time-limit", o.time_limit, "stop cleanly after this many seconds; 0: never", at_least(0));
  visit("threads", o.threads, "threads; 0: one for each core (another number changes the last digits)",
        Allowed{.low = 0, .high = 1024});
}

/// The names that a table offers, for messages: `adam, sgd`.
template <class Table>
std::string names_of(const Table& table) {
  std::string names;
  for (const auto& entry : table) names += (names.empty() ? "" : ", ") + entry.first;
  return names;
}

nlohmann::ordered_json to_json(const TrainOptions& options);
/// What to_json wrote. Errors: nlohmann::json::exception where a value is missing or of another kind.
TrainOptions from_json(const nlohmann::ordered_json& json);

/// The options of an earlier run, with those that were given on the command line now and may change.
/// Errors: UsageError if an option was given that may not change and differs from the earlier run's.
TrainOptions continued(const TrainOptions& earlier, const TrainOptions& now,
                       const std::set<std::string>& given);

}  // namespace unroll::char_lm
