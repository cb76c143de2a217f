#include "autograd/gemm.hpp"
#include "examples/char_lm/commands.hpp"
#include "examples/char_lm/memory.hpp"
#include "examples/char_lm/trainer.hpp"
#include "layers/summary.hpp"
#include "train/signals.hpp"

namespace unroll::char_lm {
namespace {

/// The run that --resume goes on with, if there is one.
/// Errors: UsageError if the folder holds a run that --out alone, or --resume, must not touch.
std::optional<SavedRun> earlier_run(const TrainOptions& options, const RunFolder& folder) {
  if (!options.resume) {
    if (folder.holds_run() && !options.overwrite)
      fail<UsageError>("--out {}: holds a run already; --resume goes on with it, --overwrite begins anew",
                       options.out);
    return {};
  }
  if (std::filesystem::exists(folder.last())) return load_run(folder.last());
  if (folder.holds_run())
    fail<UsageError>(
        "--resume: {} is there, but not {}; copy the one to the other to go on from the best model, or begin "
        "anew with --overwrite",
        folder.best(), folder.last());
  fmt::print("no checkpoint in {} yet: training begins anew\n", options.out);
  return {};
}

/// A run that was killed before its first checkpoint has left its log alone.
/// Errors: UsageError if that was another run than the one that --resume is to begin.
void check_same_run(const RunFolder& folder, const TrainOptions& options,
                    const nlohmann::ordered_json& config) {
  const auto before = MetricsLog::configuration(folder.log());
  if (before.is_null()) return;
  const auto check = [&](const char* name, auto&&...) {
    if (!before.contains(name) || before[name] != config[name])
      fail<UsageError>(
          "--resume: {} is of a run with {} {}, which has left no checkpoint; this one would have {}: give "
          "the "
          "options of that run, or begin anew with --overwrite",
          folder.log(), name, before.contains(name) ? before[name].dump() : "unknown", config[name].dump());
  };
  visit_fixed(options, check);
  check("text_checksum");
}

std::pair<Corpus, Reading> read_text(const TrainOptions& options, const SavedRun* earlier) {
  if (!earlier) return read_new_corpus(options.text, level_named(options.level), options.min_count);
  Corpus corpus = read_corpus(options.text, earlier->reading);
  if (corpus.checksum != earlier->text_checksum)
    fail<UsageError>(
        "{}: not the text that the run to be continued was trained on; name that one with --text",
        corpus.name);
  return {std::move(corpus), earlier->reading};
}

void print_run(const TrainOptions& options, const Corpus& corpus, const Reading& reading,
               const Trainer& trainer) {
  const auto& ids = corpus.symbols.ids;
  const Split split = split_by_position(std::ssize(ids), options.valid_fraction);
  const double percent = 100 * options.valid_fraction;
  for (const auto& note : corpus.notes) fmt::print("note: {}\n", note);
  fmt::print("text        {}: {}, {}\n", corpus.name, count_of(std::ssize(ids), reading.level),
             reading.encoding == Encoding::utf8 ? "UTF-8" : "bytes");
  fmt::print("vocabulary  {}{}\n",
             counted(reading.vocabulary.size(), fmt::format("different {}", noun_of(reading.level))),
             reading.vocabulary.unknown()
                 ? fmt::format(", and {} that count as <unknown>", grouped(corpus.symbols.unknown))
                 : "");
  fmt::print("split       the first {:g} % train ({}), the last {:g} % validate ({})\n", 100 - percent,
             grouped(split.train), percent, grouped(split.valid));
  fmt::print("windows     {} an epoch, of {} in {}\n", grouped(trainer.train_streams().windows()),
             counted(options.seq_length, "step"), counted(options.batch, "stream"));
  fmt::print("training    {}, {} with learning rate {:g}, clip {:g}, dropout {:g}, seed {}, {}\n\n",
             counted(options.epochs, "epoch"), options.optimizer, options.lr, options.clip, options.dropout,
             options.seed, counted(options.threads, "thread"));
  fmt::print("{}\n", summary(trainer.model()));
}

nlohmann::ordered_json configuration(const TrainOptions& options, const Corpus& corpus,
                                     const Reading& reading, const Trainer& trainer) {
  auto json = to_json(options);
  json["text_name"] = corpus.name;
  json["text_checksum"] = corpus.checksum;
  json["symbols"] = corpus.symbols.ids.size();
  json["encoding"] = name_of(reading.encoding);
  json["vocabulary"] = reading.vocabulary.size();
  json["parameters"] = count_parameters(trainer.model());
  json["steps_per_epoch"] = trainer.train_streams().windows();
  return json;
}

int report_end(LoopEnd end, const LoopState& state, const std::string& folder, int signal) {
  const auto best = state.best
                        ? fmt::format("best validation loss {:.4f} at step {}", *state.best, state.best_step)
                        : std::string("no validation");
  fmt::print("{} after {} and {} of training; {}\nthe model is {}\n",
             end == LoopEnd::complete  ? "complete"
             : end == LoopEnd::stopped ? "stopped"
                                       : "out of time",
             counted(state.step, "step"), duration_text(state.seconds), best, find_checkpoint(folder));
  return end == LoopEnd::stopped ? 128 + signal : 0;
}

/// Makes the folder ready for a run that begins: until now, nothing that it holds has been touched.
FolderLock begin_in(const RunFolder& folder, std::optional<FolderLock> lock, const TrainOptions& options,
                    const nlohmann::ordered_json& config) {
  if (!lock) {
    folder.create();
    lock = folder.lock();
    if (folder.holds_run()) fail<DataError>("{}: another program has written a run there", options.out);
  }
  if (options.resume) check_same_run(folder, options, config);
  folder.clear();
  return std::move(*lock);
}

}  // namespace

int train_command(TrainOptions options, const std::set<std::string>& given) {
  const StopSignals signals;
  const RunFolder folder(options.out);
  std::optional<FolderLock> lock;
  if (folder.exists()) lock = folder.lock();
  const auto earlier = earlier_run(options, folder);
  if (earlier) options = continued(earlier->options, options, given);
  options.threads = use_threads(options.threads);

  const auto [corpus, reading] = read_text(options, earlier ? &*earlier : nullptr);
  const auto symbols = split_by_position(std::ssize(corpus.symbols.ids), options.valid_fraction).train;
  check_memory(options, model_options(options, reading.vocabulary),
               std::min(symbols, options.batch * options.seq_length));
  Trainer trainer(options, corpus, reading, folder, earlier ? &*earlier : nullptr);
  print_run(options, corpus, reading, trainer);

  const auto config = configuration(options, corpus, reading, trainer);
  const LoopState start = earlier ? earlier->loop : LoopState{};
  if (earlier)
    fmt::print("going on after step {}\n", grouped(start.step));
  else
    lock = begin_in(folder, std::move(lock), options, config);
  auto log = earlier ? MetricsLog::resume(folder.log(), config, start.step)
                     : MetricsLog::create(folder.log(), config);
  Progress progress(stdout);
  TrainingLoop loop({.steps_per_epoch = trainer.train_streams().windows(),
                     .epochs = options.epochs,
                     .evaluate_every = options.eval_every,
                     .time_limit = options.time_limit,
                     .unit = options.level},
                    start, trainer, progress, log);
  const LoopEnd end = loop.run([&] { return signals.received() != 0; });
  return report_end(end, loop.state(), options.out, signals.received());
}

}  // namespace unroll::char_lm
