#include "autograd/gemm.hpp"
#include "examples/char_lm/commands.hpp"
#include "examples/char_lm/trainer.hpp"
#include "layers/summary.hpp"
#include "train/signals.hpp"

namespace unroll::char_lm {
namespace {

std::optional<SavedRun> earlier_run(const TrainOptions& options, const RunFolder& folder) {
  if (!options.resume) {
    if (folder.holds_run() && !options.overwrite)
      fail<UsageError>("--out {}: holds a run already; --resume goes on with it, --overwrite begins anew",
                       options.out);
    folder.clear();
    return {};
  }
  if (std::filesystem::exists(folder.last())) return load_run(folder.last());
  fmt::print("no checkpoint in {} yet: training begins anew\n", options.out);
  return {};
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
  fmt::print("vocabulary  {} different ones{}\n", grouped(reading.vocabulary.size()),
             reading.vocabulary.unknown()
                 ? fmt::format(", and {} that count as <unknown>", grouped(corpus.symbols.unknown))
                 : "");
  fmt::print("split       the first {:g} % train ({}), the last {:g} % validate ({})\n", 100 - percent,
             grouped(split.train), percent, grouped(split.valid));
  fmt::print("windows     {} an epoch, of {} steps in {} streams\n",
             grouped(trainer.train_streams().windows()), options.seq_length, options.batch);
  fmt::print(
      "training    {} epochs, {} with learning rate {:g}, clip {:g}, dropout {:g}, seed {}, {} threads\n\n",
      options.epochs, options.optimizer, options.lr, options.clip, options.dropout, options.seed,
      options.threads);
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

int report_end(LoopEnd end, const LoopState& state, const RunFolder& folder, int signal) {
  const auto best = state.best
                        ? fmt::format("best validation loss {:.4f} at step {}", *state.best, state.best_step)
                        : std::string("no validation");
  fmt::print("{} after {} steps and {} of training; {}\nthe model is {}\n",
             end == LoopEnd::complete  ? "complete"
             : end == LoopEnd::stopped ? "stopped"
                                       : "out of time",
             grouped(state.step), duration_text(state.seconds), best, find_checkpoint(folder.best()));
  return end == LoopEnd::stopped ? 128 + signal : 0;
}

}  // namespace

int train_command(TrainOptions options, const std::set<std::string>& given) {
  const StopSignals signals;
  const RunFolder folder(options.out);
  folder.create();
  const auto earlier = earlier_run(options, folder);
  if (earlier) options = continued(earlier->options, options, given);
  options.threads = use_threads(options.threads);

  const auto [corpus, reading] = read_text(options, earlier ? &*earlier : nullptr);
  Trainer trainer(options, corpus, reading, folder, earlier ? &*earlier : nullptr);
  print_run(options, corpus, reading, trainer);

  const auto config = configuration(options, corpus, reading, trainer);
  const LoopState start = earlier ? earlier->loop : LoopState{};
  if (earlier) fmt::print("going on after step {}\n", grouped(start.step));
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
  return report_end(end, loop.state(), folder, signals.received());
}

}  // namespace unroll::char_lm
