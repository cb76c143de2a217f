#include "char_lm/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "char_lm/frequencies.hpp"
#include "char_lm/generate.hpp"
#include "char_lm/memory.hpp"
#include "common/diagnosis.hpp"
#include "unroll/layers/summary.hpp"

namespace unroll::char_lm {
namespace {

/// The training part of a corpus, or the validation part.
Streams streams_of(const Corpus& corpus, const TrainOptions& options, bool valid) {
  const auto& ids = corpus.symbols.ids;
  const auto middle = ids.begin() + split_by_position(std::ssize(ids), options.valid_fraction).train;
  std::vector<std::int64_t> part(valid ? middle : ids.begin(), valid ? ids.end() : middle);
  const auto name = fmt::format("{} ({} part)", corpus.name, valid ? "validation" : "training");
  return {std::move(part), options.batch, options.seq_length, name};
}

std::pair<Corpus, Reading> read_text(const TrainOptions& options, const SavedRun* earlier) {
  if (!earlier) return read_new_corpus(options.text, level_named(options.level), options.min_count);
  Corpus corpus = read_corpus(options.text, earlier->reading);
  check_same_text(corpus.name, "--text", corpus.checksum, earlier->text_checksum);
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
  fmt::print("windows     {} an epoch, of {} in {}\n", grouped(trainer.steps_per_epoch()),
             counted(options.seq_length, "step"), counted(options.batch, "stream"));
  fmt::print("training    {}, {} with learning rate {:g}, clip {:g}, dropout {:g}, seed {}, {}\n\n",
             counted(options.epochs, "epoch"), options.optimizer, options.lr, options.clip, options.dropout,
             options.seed, counted(options.threads, "thread"));
  fmt::print("{}\n", summary(trainer.model()));
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, const Corpus& corpus, Reading reading, const SavedRun* earlier)
    : program::ModelTrainer<TrainOptions, Reading, LanguageModel>(
          options, reading, corpus.checksum, new_model(options, reading.vocabulary), earlier),
      text_name_(corpus.name),
      symbols_(std::ssize(corpus.symbols.ids)),
      train_(streams_of(corpus, options, false)),
      average_(average_of(options, model_)) {
  if (options.valid_fraction > 0) {
    valid_ = streams_of(corpus, options, true);
    const std::span ids(corpus.symbols.ids);
    const auto middle = static_cast<std::size_t>(split_by_position(symbols_, options.valid_fraction).train);
    frequency_loss_ = frequency_loss(ids.first(middle), ids.subspan(middle), reading_.vocabulary.size());
  }
  if (!earlier) return;
  state_ = load_carried(earlier->tensors);
  if (average_) load_state(*average_, earlier->tensors);
  best_loss_ = earlier->loop.best;
}

std::unique_ptr<Trainer> Trainer::open(const TrainOptions& options, const SavedRun* earlier) {
  const auto [corpus, reading] = read_text(options, earlier);
  const auto symbols = split_by_position(std::ssize(corpus.symbols.ids), options.valid_fraction).train;
  check_memory(options, model_options(options, reading.vocabulary),
               std::min(symbols, options.batch * options.seq_length));
  auto trainer = std::make_unique<Trainer>(options, corpus, reading, earlier);
  print_run(options, corpus, reading, *trainer);
  return trainer;
}

nlohmann::ordered_json Trainer::configuration() const {
  return {{"text_name", text_name_},
          {"text_checksum", text_checksum_},
          {"symbols", symbols_},
          {"encoding", name_of(reading_.encoding)},
          {"vocabulary", reading_.vocabulary.size()},
          {"parameters", count_parameters(model_)},
          {"steps_per_epoch", train_.windows()}};
}

StepResult Trainer::train_step(std::int64_t epoch, std::int64_t index) {
  state_ = index == 0 ? CarriedState{} : model_.carried(state_);
  const LanguageModel before = model_;  // shares the parameters; its masks are those of this step
  CarriedState start = state_;
  const Window window = train_.window(index);
  const StepResult result = learner_.update(model_.loss(window, state_), std::ssize(window.targets), epoch,
                                            [&] { return before.loss(window, start); });
  if (average_) average_->update();
  return result;
}

void Trainer::save_more(io::TensorFile& to) const {
  save_carried(state_, to);
  if (average_) save_state(*average_, to);
}

std::optional<WeightAverage<float>::Use> Trainer::use_average() {
  if (!average_) return {};
  return average_->use();
}

std::optional<Evaluation> Trainer::evaluate() {
  if (!valid_) return {};
  const auto in_use = use_average();
  const double loss = mean_loss(model_, *valid_);
  learner_.check_valid(loss, [&] { mean_loss(model_, *valid_); });
  best_loss_ = std::min(loss, best_loss_.value_or(loss));
  if (reading_.level == Level::token) return Evaluation{loss, {{"perplexity", std::exp(loss)}}};
  return Evaluation{loss};
}

std::string Trainer::remark(const Evaluation& valid) {
  const double uniform = std::log(static_cast<double>(reading_.vocabulary.size()));
  if (valid.loss <= uniform) return {};
  return fmt::format("note: worse than a uniform guess among {}, which has {:.4f}",
                     count_of(reading_.vocabulary.size(), reading_.level), uniform);
}

std::string Trainer::report() {
  if (!best_loss_) return {};
  const auto& vocabulary = reading_.vocabulary;
  const auto noun = noun_of(reading_.level);
  const double uniform = std::log(static_cast<double>(vocabulary.size()));
  return fmt::format(
      "validation loss, nats/{}\n"
      "  {:7.4f}  a uniform guess among {}\n"
      "  {:7.4f}  the frequencies of {}s\n"
      "  {:7.4f}  the model\n",
      unit(), uniform, counted(vocabulary.size(), noun), frequency_loss_, noun, *best_loss_);
}

void Trainer::describe_model(RunDetails& details) {
  LanguageModel reader = model_;  // shares the parameters
  eval(reader);
  const auto in_use = use_average();
  const Window window = (valid_ ? *valid_ : train_).window(0);
  const Indices inputs({window.steps, window.batch}, window.inputs),
      targets({window.steps, window.batch}, window.targets);
  CarriedState state;
  add_gates(details, [&] { reader(inputs, state); });
  add_gradients(details, [&] {
    CarriedState begin;
    const Variable<float> logits = select(reader(inputs, begin), 0, window.steps - 1);
    const std::vector<std::int64_t> last(window.targets.end() - window.batch, window.targets.end());
    return cross_entropy(logits, Indices({window.batch}, last));
  });
}

std::string Trainer::example() {
  const std::int64_t length = reading_.level == Level::character ? 200 : 40;
  LanguageModel reader = model_;
  eval(reader);
  const auto in_use = use_average();
  Generator rng(options_.seed);  // the same for every example, so that they can be compared
  SymbolWriter text_of(reading_.level);
  std::string text = "  | ";
  generate(reader, reading_.vocabulary, options_.seq_length, {}, length, {.temperature = 0.8}, rng,
           [&](const std::string& symbol) {
             text += symbol == "\n" ? text_of(symbol) + "  | " : text_of(symbol);
           });
  return encode_text(text, reading_.encoding);
}

}  // namespace unroll::char_lm
