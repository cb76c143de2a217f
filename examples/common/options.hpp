#pragma once
/// \file A program's options, each in one place: command line, log and checkpoint are made from one list.
///
/// A program's options derive from RunOptions, and show themselves in two lists:
///
///     struct Options : program::RunOptions {
///       static constexpr const char* kind = "tag";  // the kind of its checkpoints
///       std::int64_t hidden = 128;
///       template <class Self, class Visit>
///       static void visit_fixed(Self& o, Visit&& visit) {  // what makes a run what it is
///         visit("hidden", o.hidden, "size of the hidden state", size_from(1));
///         visit_learning(o, visit);
///       }
///       template <class Self, class Visit>
///       static void visit_changeable(Self& o, Visit&& visit) {  // what a continued run may change
///         visit("text", o.text, "file to learn", Allowed{});
///         visit_duration(o, visit);
///       }
///     };

#include <nlohmann/json_fwd.hpp>

#include "common/optimizers.hpp"
#include "common/option.hpp"
#include "unroll/train/learner.hpp"

namespace unroll::program {

/// What --normalise means, in all programs that read text.
inline constexpr const char* normalise_help =
    "none, or nfc: a letter and its marks are read as one character, however they were typed";

/// What every program that trains can be told.
struct RunOptions {
  std::string out, init, find_lr, optimizer = "adam", schedule = "constant", keep = "best",
                                  precision = "float32";
  std::int64_t epochs = 10, eval_every = 0, patience = 0, warmup = -1, plateau_patience = 2,
               average_after = 0;
  double lr = 2e-3, lr_decay = 1, clip = 5, time_limit = 0, weight_decay = -1;
  double plateau_factor = 0.5, ema = 0, skip_above = 0, watchdog = 300;
  std::uint64_t seed = 1;
  int threads = 0, shards = 0;
  bool resume = false, overwrite = false, grow_vocabulary = false;

  /// How the model learns, and which one is kept.
  template <class Self, class Visit>
  static void visit_learning(Self& o, Visit&& visit) {
    visit("optimizer", o.optimizer, optimizer_help().c_str(), Allowed{.known = is_optimizer});
    visit("lr", o.lr, "learning rate (sgd needs about 1)", at_least(0));
    visit("clip", o.clip, "largest norm of the gradient of all parameters; 0: no limit", at_least(0));
    visit("seed", o.seed, "seed of all random numbers", at_least(0));
    visit(
        "precision", o.precision,
        "of the numbers that matrix products multiply: float32, or bfloat16, which some processors multiply "
        "faster",
        later({.words = {"float32", "bfloat16"}}));
    visit("weight-decay", o.weight_decay, "weight decay; -1: what is usual with the optimiser",
          later({.low = -1, .high = 1e6}));
    visit_schedule(o, visit);
    visit("skip-above", o.skip_above,
          "leave out a step whose gradient has a larger norm than this, or is not finite, and end after ten "
          "of them "
          "in a row; 0: leave out none, and end where it is not finite",
          later(at_least(0)));
    visit("ema", o.ema,
          "evaluate and keep a mean of the weights that forgets by this factor at each step, such as 0.999; "
          "0: the "
          "last weights",
          later({.low = 0, .high = 1 - 1e-9}));
    visit("average-after", o.average_after,
          "evaluate and keep the mean of all weights, beginning when the validation loss is above the least "
          "of all but "
          "the last so many (NT-ASGD); 0: never",
          later(count_from(0)));
    visit(
        "shards", o.shards,
        "parts of a batch whose gradients are added in a fixed order, so that the result has the same bits "
        "in "
        "any number of processes (under mpirun) and threads; each process computes with one thread; 0: none, "
        "or 8 under mpirun",
        later({.low = 0, .high = 1024}));
    visit("keep", o.keep, "the model to keep: the best by validation, or the last",
          later({.words = {"best", "last"}}));
  }
  /// The learning rate from step to step; visit_learning() visits it.
  template <class Self, class Visit>
  static void visit_schedule(Self& o, Visit&& visit) {
    visit("schedule", o.schedule,
          "the learning rate: constant; cosine: falls to 0 over all epochs; one-cycle: rises for three "
          "tenths of all "
          "steps, then falls; plateau: falls where the validation loss does not",
          later({.words = {"constant", "cosine", "one-cycle", "plateau"}}));
    visit("warmup", o.warmup,
          "steps in which the learning rate rises; -1: one in fifty with --schedule cosine, else none",
          later({.low = -1, .high = 1e15}));
    visit("lr-decay", o.lr_decay, "factor on the learning rate after each epoch",
          later({.low = 0, .high = 1}));
    visit("plateau-patience", o.plateau_patience,
          "with --schedule plateau: evaluations without improvement before the learning rate falls",
          later(count_from(0)));
    visit("plateau-factor", o.plateau_factor, "with --schedule plateau: factor on the learning rate",
          later({.low = 0, .high = 1 - 1e-9}));
  }
  /// How long the run is. `epochs` is their help.
  template <class Self, class Visit>
  static void visit_duration(Self& o, Visit&& visit, const char* epochs = "times to read the whole text") {
    visit("epochs", o.epochs, epochs, size_from(1));
    visit("eval-every", o.eval_every, "steps between evaluations; 0: once per epoch", count_from(0));
    visit("patience", o.patience, "end after so many evaluations that found no better model; 0: never",
          later(count_from(0)));
    visit("time-limit", o.time_limit, "stop cleanly after this many seconds; 0: never", at_least(0));
    visit("threads", o.threads,
          "threads that share the work while the machine has time for them; 0: one per core (another number "
          "changes the "
          "last digits)",
          Allowed{.low = 0, .high = 1024});
    visit("watchdog", o.watchdog,
          "under mpirun: seconds that a process waits for the others before it takes them for hung; 0: for "
          "ever",
          later(at_least(0)));
  }
};

/// What Learner wants to know.
LearningOptions learning_options(const RunOptions& options);

/// The names that a table offers, for messages: `adam, sgd`.
template <class Table>
std::string names_of(const Table& table) {
  std::string names;
  for (const auto& entry : table) names += (names.empty() ? "" : ", ") + entry.first;
  return names;
}

/// In the list's order.
nlohmann::ordered_json to_json(const OptionList& list);
/// Reads what to_json wrote, with the ranges of the command line.
/// Errors: DataError that begins with `source` where a value that runs have always had is missing, or one is of another kind or out of range.
void from_json(const OptionList& list, const nlohmann::ordered_json& json, const std::string& source);

namespace internal {
/// Writes to the variables of `earlier` what the run goes on with.
void go_on_with(const OptionList& earlier, const OptionList& now, const Given& given);
/// Writes to the variables of `now` what a model that is trained already has.
void begin_with(const OptionList& trained, const OptionList& now, const Given& given);
}  // namespace internal

/// The options of an earlier run, with those that were given on the command line now and may change.
/// Errors: UsageError if an option was given that may not change and differs from the earlier run's.
template <class Options>
Options continued(Options earlier, Options now, const Given& given) {
  internal::go_on_with(list_of(earlier), list_of(now), given);
  earlier.out = now.out;
  earlier.resume = true;
  return earlier;
}

/// The options of a run that begins with the weights of a trained model: where an option decides what the model is, it
/// has the trained one's value.
/// Errors: UsageError if such an option was given and differs.
template <class Options>
Options begun_with(Options trained, Options now, const Given& given) {
  internal::begin_with(list_of(trained), list_of(now), given);
  return now;
}

}  // namespace unroll::program
