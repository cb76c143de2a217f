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

namespace unroll::program {

/// What --normalise means, in all programs that read text.
inline constexpr const char* normalise_help =
    "none, or nfc: a letter and its marks are read as one character, however they were typed";

/// What every program that trains can be told.
struct RunOptions {
  std::string out, optimizer = "adam";
  std::int64_t epochs = 10, eval_every = 0;
  double lr = 2e-3, lr_decay = 1, clip = 5, time_limit = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  bool resume = false, overwrite = false;

  template <class Self, class Visit>
  static void visit_learning(Self& o, Visit&& visit) {
    visit("optimizer", o.optimizer, optimizer_help().c_str(), Allowed{.known = is_optimizer});
    visit("lr", o.lr, "learning rate (sgd needs about 1)", at_least(0));
    visit("clip", o.clip, "largest norm of the gradient of all parameters; 0: no limit", at_least(0));
    visit("seed", o.seed, "seed of all random numbers", at_least(0));
  }
  /// Apart, because not every program has it.
  template <class Self, class Visit>
  static void visit_lr_decay(Self& o, Visit&& visit) {
    visit("lr-decay", o.lr_decay, "factor on the learning rate after each epoch",
          Allowed{.low = 0, .high = 1});
  }
  template <class Self, class Visit>
  static void visit_duration(Self& o, Visit&& visit, const char* epochs = "times to read the whole text") {
    visit("epochs", o.epochs, epochs, size_from(1));
    visit("eval-every", o.eval_every, "steps between evaluations; 0: once per epoch", count_from(0));
    visit("time-limit", o.time_limit, "stop cleanly after this many seconds; 0: never", at_least(0));
    visit("threads", o.threads,
          "threads that share the work while the machine has time for them; 0: one per core (another number "
          "changes the "
          "last digits)",
          Allowed{.low = 0, .high = 1024});
  }
};

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

}  // namespace unroll::program
