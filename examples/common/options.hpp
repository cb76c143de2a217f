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

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "autograd/error.hpp"

namespace unroll::program {

/// The names of the options that stood on a command line.
using Given = std::set<std::string>;

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
/// For shares such as that of dropout.
inline Allowed share() { return {.low = 0, .high = 0.99}; }

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
    visit("optimizer", o.optimizer, "sgd, adagrad, rmsprop, adam or adamw", Allowed{});
    visit("lr", o.lr, "learning rate (sgd wants about 1)", at_least(0));
    visit("clip", o.clip, "longest gradient, all parameters together; 0: any", at_least(0));
    visit("seed", o.seed, "of all random numbers", at_least(0));
  }
  /// Apart, because not every program has it.
  template <class Self, class Visit>
  static void visit_lr_decay(Self& o, Visit&& visit) {
    visit("lr-decay", o.lr_decay, "factor on the learning rate after every epoch",
          Allowed{.low = 0, .high = 1});
  }
  template <class Self, class Visit>
  static void visit_duration(Self& o, Visit&& visit) {
    visit("epochs", o.epochs, "times to read the whole text", size_from(1));
    visit("eval-every", o.eval_every, "steps between evaluations; 0: once an epoch", count_from(0));
    visit("time-limit", o.time_limit, "stop cleanly after this many seconds; 0: never", at_least(0));
    visit("threads", o.threads, "threads; 0: one for each core (another number changes the last digits)",
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

namespace internal {
template <class Options, class Visit>
void visit_all(Options& options, Visit&& visit) {
  options.visit_changeable(options, visit);
  options.visit_fixed(options, visit);
}
}  // namespace internal

template <class Options>
nlohmann::ordered_json options_to_json(const Options& options) {
  nlohmann::ordered_json json;
  internal::visit_all(options, [&](const char* name, const auto& value, auto&&...) { json[name] = value; });
  return json;
}

/// What options_to_json wrote. Errors: nlohmann::json::exception where a value is missing or of another kind.
template <class Options>
Options options_from_json(const nlohmann::ordered_json& json) {
  Options options;
  internal::visit_all(options,
                      [&](const char* name, auto& value, auto&&...) { json.at(name).get_to(value); });
  return options;
}

template <class Options>
std::vector<std::string> fixed_names(const Options& options) {
  std::vector<std::string> names;
  options.visit_fixed(options, [&](const char* name, auto&&...) { names.emplace_back(name); });
  return names;
}

/// The options of an earlier run, with those that were given on the command line now and may change.
/// Errors: UsageError if an option was given that may not change and differs from the earlier run's.
template <class Options>
Options continued(const Options& earlier, const Options& now, const Given& given) {
  const auto before = options_to_json(earlier), wanted = options_to_json(now);
  auto options = before;
  options["time-limit"] = 0;  // belongs to one call
  for (const auto& name : given)
    if (wanted.contains(name)) options[name] = wanted[name];
  for (const auto& name : fixed_names(now))
    if (options[name] != before[name])
      fail<UsageError>("--{} {}: the run to be continued has {}; leave the option out, or begin another run",
                       name, options[name].dump(), before[name].dump());
  auto result = options_from_json<Options>(options);
  result.out = now.out;
  result.resume = true;
  return result;
}

}  // namespace unroll::program
