#include "char_lm/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numbers>

#include "char_lm/frequencies.hpp"
#include "char_lm/generate.hpp"
#include "char_lm/grown.hpp"
#include "char_lm/memory.hpp"
#include "common/diagnosis.hpp"
#include "unroll/layers/summary.hpp"

namespace unroll::char_lm {
namespace {

constexpr const char* index_name = "text.ids";

/// The training part of a corpus, or the validation part.
SymbolIds part_of(const Corpus& corpus, const TrainOptions& options, bool valid) {
  const Split split = split_by_position(corpus.ids.size(), options.valid_fraction);
  return valid ? corpus.ids.part(split.train, split.valid) : corpus.ids.part(0, split.train);
}
Streams streams_of(const Corpus& corpus, const TrainOptions& options, bool valid) {
  const auto name = fmt::format("{} ({} part)", corpus.name, valid ? "validation" : "training");
  return {part_of(corpus, options, valid), options.batch, options.seq_length, name};
}

/// Where the numbers of the text are to lie. A run's folder is made for them before the run begins.
TextPlace place_of(const TrainOptions& options) {
  if (!options.index.empty() || !is_large(options.text))
    return {.text = options.text, .index = options.index};
  const RunFolder folder(options.out);
  folder.create();
  return {.text = options.text, .index = folder.file(index_name)};
}

std::pair<Corpus, Reading> read_text(const TrainOptions& options, const SavedRun* earlier,
                                     const SavedRun* init) {
  const TextPlace place = place_of(options);
  if (init) {
    Reading reading =
        options.grow_vocabulary ? grown(init->reading, options.text, options.min_count) : init->reading;
    Corpus corpus = read_corpus(place, reading);
    return {std::move(corpus), std::move(reading)};
  }
  if (!earlier)
    return read_new_corpus(place, {.level = level_named(options.level),
                                   .min_count = options.min_count,
                                   .vocabulary = options.vocabulary,
                                   .normalise = normalisation_named(options.normalise)});
  Corpus corpus = read_corpus(place, earlier->reading, earlier->text_checksum);
  check_same_text(corpus.name, "--text", corpus.checksum, earlier->text_checksum);
  return {std::move(corpus), earlier->reading};
}

void print_run(const TrainOptions& options, const Corpus& corpus, const Reading& reading,
               const Trainer& trainer) {
  const Split split = split_by_position(corpus.ids.size(), options.valid_fraction);
  const double percent = 100 * options.valid_fraction;
  for (const auto& note : corpus.notes) fmt::print("note: {}\n", note);
  fmt::print("text        {}: {}, {}\n", corpus.name, count_of(corpus.ids.size(), reading.level),
             reading.encoding == Encoding::utf8 ? "UTF-8" : "bytes");
  if (!corpus.index.empty()) fmt::print("index       {}\n", corpus.index);
  fmt::print("vocabulary  {}{}\n",
             counted(reading.vocabulary.size(), fmt::format("different {}", noun_of(reading.level))),
             reading.vocabulary.unknown()
                 ? fmt::format(", and {} that count as <unknown>", grouped(corpus.unknown))
                 : "");
  if (reading.level == Level::subword)
    fmt::print(
        "subwords    {:.2f} characters each, {} learned{}\n",
        static_cast<double>(corpus.characters) / static_cast<double>(corpus.ids.size()),
        counted(std::ssize(reading.pairs.pairs()), "pair"),
        reading.vocabulary.size() < options.vocabulary ? "; no other pair stands twice in the text" : "");
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
      symbols_(corpus.ids.size()),
      train_(streams_of(corpus, options, false)) {
  if (options.valid_fraction > 0) {
    valid_ = streams_of(corpus, options, true);
    const SymbolIds valid = part_of(corpus, options, true);
    frequency_loss_ = frequency_loss(part_of(corpus, options, false), valid, reading_.vocabulary.size());
    if (reading_.level == Level::subword)
      characters_ = static_cast<double>(count_characters_of(valid, reading_.vocabulary)) /
                    static_cast<double>(valid.size());
  }
  if (!earlier) return;
  state_ = load_carried(earlier->tensors);
  best_loss_ = earlier->loop.best;
}

std::unique_ptr<Trainer> Trainer::open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init) {
  const RunFolder folder(options.out);
  const bool was_there = folder.exists();
  try {
    return open_here(options, earlier, init);
  } catch (...) {
    std::error_code error;  // what is not there, or not empty, stays
    if (!was_there)
      std::filesystem::remove(folder.file(index_name), error), std::filesystem::remove(options.out, error);
    throw;
  }
}

std::unique_ptr<Trainer> Trainer::open_here(const TrainOptions& given, const SavedRun* earlier,
                                            const SavedRun* init) {
  const TrainOptions options = init ? with_size_of_embedding(given, init->options, init->reading) : given;
  const auto [corpus, reading] = read_text(options, earlier, init);
  const auto symbols = split_by_position(corpus.ids.size(), options.valid_fraction).train;
  check_memory(options, model_options(options, reading.vocabulary),
               std::min(symbols, options.batch * options.seq_length));
  auto trainer = std::make_unique<Trainer>(options, corpus, reading, earlier);
  if (init) trainer->begin_with(trained_model(*init));
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

void Trainer::share(const Shards& shards) {
  shards_ = shards;
  states_ = rows_of_shards(state_, shards, options_.batch);
  state_ = {};
}

StepResult Trainer::shared_step(std::int64_t index) {
  for (CarriedState& state : states_) state = index == 0 ? CarriedState{} : model_.carried(state);
  const std::vector<CarriedState> start = states_;
  return learn(*shards_, [&](const LanguageModel& model, int shard) -> ShardLoss<float> {
    const auto rows = shards_->rows(shard, options_.batch);
    if (rows.count() == 0) return {};
    const auto k = static_cast<std::size_t>(shard - shards_->own().first);
    states_[k] = start[k];
    const Window window = train_.window(index, rows.first, rows.last);
    return {model.loss(window, states_[k]), static_cast<double>(window.targets.size())};
  });
}

StepResult Trainer::train_step(std::int64_t, std::int64_t index) {
  if (shards_) return shared_step(index);
  state_ = index == 0 ? CarriedState{} : model_.carried(state_);
  const CarriedState start = state_;
  const Window window = train_.window(index);
  return learn(std::ssize(window.targets), [&](const LanguageModel& model) {
    state_ = start;
    return model.loss(window, state_);
  });
}

void Trainer::save_more(io::TensorFile& to) const {
  save_carried(shards_ ? gather_states(states_, *shards_) : state_, to);
}

void Trainer::help_save() { send_states(states_, *shards_); }

std::optional<Evaluation> Trainer::evaluate() {
  if (!valid_) return {};
  const double loss = shards_ ? mean_loss(model_, *valid_, *shards_) : mean_loss(model_, *valid_);
  learner_.check_valid(loss, [&] { mean_loss(model_, *valid_); });
  best_loss_ = std::min(loss, best_loss_.value_or(loss));
  if (reading_.level == Level::token) return Evaluation{loss, {{"perplexity", std::exp(loss)}}};
  if (characters_ > 0) return Evaluation{loss, {{"bits_per_char", bits_per_char(loss)}}};
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
  const auto table = fmt::format(
      "validation loss, nats/{}\n"
      "  {:7.4f}  a uniform guess among {}\n"
      "  {:7.4f}  the frequencies of {}s\n"
      "  {:7.4f}  the model\n",
      unit(), uniform, counted(vocabulary.size(), noun), frequency_loss_, noun, *best_loss_);
  if (characters_ == 0) return table;
  return table + fmt::format("per character, of which a {} has {:.2f}: {:.4f} nats, {:.4f} bits\n", noun,
                             characters_, *best_loss_ / characters_, bits_per_char(*best_loss_));
}

double Trainer::bits_per_char(double loss) const { return loss / characters_ / std::numbers::ln2; }

void Trainer::describe_model(RunDetails& details) {
  LanguageModel reader = model_;  // shares the parameters
  eval(reader);
  const auto in_use = averaged();
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
  Generator rng(options_.seed);  // the same for every example, so that they can be compared
  SymbolWriter text_of(reading_.level);
  std::string text = "  | ";
  generate(reader, reading_.vocabulary, options_.seq_length, {}, length, {.temperature = 0.8}, rng,
           [&](const std::string& symbol) {
             for (const char c : text_of(symbol)) text += c == '\n' ? "\n  | " : std::string(1, c);
           });
  return encode_text(text, reading_.encoding);
}

}  // namespace unroll::char_lm
