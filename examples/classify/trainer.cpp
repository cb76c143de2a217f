#include "classify/trainer.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "common/diagnosis.hpp"
#include "common/memory.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/data/splits.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/layers/summary.hpp"

namespace unroll::classify {
namespace {

std::vector<std::int64_t> all_of(const Source& source) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(source.size()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

IndexSplit split(const Source& source, const TrainOptions& options) {
  std::map<std::string, std::int64_t> numbers;
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < source.size(); ++i)
    classes.push_back(numbers.emplace(source.label(i), std::ssize(numbers)).first->second);
  return with_every_class(split_at_random(source.size(), options.valid_fraction, options.split_seed),
                          classes);
}

std::vector<std::int64_t> lengths(const std::vector<Example>& examples) {
  std::vector<std::int64_t> all;
  for (const auto& example : examples) all.push_back(example.length);
  return all;
}

std::string kind_of(const Reading& reading) {
  if (reading.is_series())
    return fmt::format("sequences of vectors of {}", counted(std::ssize(reading.mean), "number"));
  return fmt::format("texts by {}, {} of them known", reading.level == Level::word ? "words" : "characters",
                     grouped(reading.vocabulary.size()));
}

std::string split_of(const TrainOptions& options) {
  if (!options.valid.empty()) return options.valid;
  return fmt::format("{:g} %, drawn at random with seed {}", 100 * options.valid_fraction,
                     options.split_seed);
}

/// What has to be beaten, and which classes are not measured.
void print_validation(const Corpus& corpus, const Reading& reading, const Trainer& trainer) {
  fmt::print("baselines   accuracy of the most frequent class {:.2f} %",
             100 * majority_accuracy(trainer.train_examples(), trainer.valid_examples()));
  if (!reading.is_series())
    fmt::print(", of naive Bayes on {} (α {:g}) {:.2f} %",
               reading.level == Level::word ? "words" : "1- to 4-grams of characters", naive_bayes_alpha,
               100 * naive_bayes_accuracy(corpus.train, corpus.train_which, corpus.valid, corpus.valid_which,
                                          reading));
  fmt::print("\n");
  std::string unmeasured;
  for (std::int64_t c = 0; c < reading.class_count(); ++c)
    if (std::ranges::count(trainer.valid_examples(), c, &Example::label) == 0)
      unmeasured +=
          (unmeasured.empty() ? "" : ", ") + printable(reading.classes[static_cast<std::size_t>(c)]);
  if (!unmeasured.empty()) fmt::print("note: nothing validates {}\n", unmeasured);
}

void print_longest(const std::vector<Example>& examples, const Reading& reading) {
  auto symbols = lengths(examples);
  if (!reading.is_series())
    for (auto& n : symbols) n -= 2;  // start and end
  const auto* unit = reading.is_series() ? "vector" : reading.level == Level::word ? "word" : "character";
  fmt::print("{}", note_of_longest(std::move(symbols), "example", unit));
}

void print_run(const TrainOptions& options, const Corpus& corpus, const Reading& reading,
               const Trainer& trainer) {
  fmt::print("examples    {}: {}\n", corpus.train.name, kind_of(reading));
  fmt::print("classes     {}\n", grouped(reading.class_count()));
  fmt::print("split       {} train, {} validate ({})\n", grouped(std::ssize(trainer.train_examples())),
             grouped(std::ssize(trainer.valid_examples())), split_of(options));
  print_longest(trainer.train_examples(), reading);
  if (!trainer.valid_examples().empty()) print_validation(corpus, reading, trainer);
  fmt::print("training    {} of {}, {} with learning rate {:g} ({}), seed {}, {}\n\n",
             counted(options.epochs, "epoch"), counted(trainer.steps_per_epoch(), "step"), options.optimizer,
             options.lr, options.schedule, options.seed, counted(options.threads, "thread"));
  fmt::print("{}\n", summary(trainer.model()));
}

}  // namespace

Corpus read_corpus(const TrainOptions& options) {
  if (options.text.empty() == options.series.empty())
    raise<UsageError>("need --text or --series, one of them, to say what to learn");
  const auto read = options.text.empty() ? read_series_source : read_texts;
  Corpus corpus;
  corpus.train = read(options.text.empty() ? options.series : options.text);
  corpus.checksum = checksum_of(corpus.train);
  if (!options.valid.empty()) {
    corpus.valid = read(options.valid);
    corpus.checksum += checksum_of(corpus.valid);
    corpus.train_which = all_of(corpus.train), corpus.valid_which = all_of(corpus.valid);
    return corpus;
  }
  auto parts = split(corpus.train, options);
  corpus.train_which = std::move(parts.train), corpus.valid_which = std::move(parts.valid);
  corpus.valid = corpus.train;
  return corpus;
}

Classifier new_model(const TrainOptions& options, const Reading& reading) {
  check_memory(least_weights(options, reading), options.optimizer,
               fmt::format("--hidden {}, --embedding {}, --layers {}", options.hidden, options.embedding,
                           options.layers));
  Generator rng(options.seed);
  return {options, reading, rng};
}

Classifier trained_model(const SavedRun& run) {
  Classifier model = new_model(run.options, run.reading);
  load_trained(model, run.tensors);
  return model;
}

Trainer::Trainer(const TrainOptions& options, const Corpus& corpus, const Reading& reading,
                 const SavedRun* earlier)
    : program::ModelTrainer<TrainOptions, Reading, Classifier>(options, reading, corpus.checksum,
                                                               new_model(options, reading), earlier),
      train_(number(corpus.train, corpus.train_which, reading)),
      valid_(number(corpus.valid, corpus.valid_which, reading)),
      batches_(lengths(train_), {.batch = options.batch, .seed = options.seed}) {}

std::unique_ptr<Trainer> Trainer::open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init) {
  const Corpus corpus = read_corpus(options);
  if (earlier)
    check_same_text(corpus.train.name, "--text, --series and --valid", corpus.checksum,
                    earlier->text_checksum);
  const auto learn = [&] {
    return learn_reading(corpus.train, corpus.train_which, level_named(options.level), options.min_count,
                         normalisation_named(options.normalise));
  };
  const Reading reading = earlier ? earlier->reading
                          : !init ? learn()
                          : options.grow_vocabulary
                              ? grown(init->reading, corpus.train, corpus.train_which, options.min_count)
                              : init->reading;
  auto trainer = std::make_unique<Trainer>(options, corpus, reading, earlier);
  if (init) trainer->begin_with(trained_model(*init));
  print_run(options, corpus, reading, *trainer);
  return trainer;
}

nlohmann::ordered_json Trainer::configuration() const {
  return {{"text_checksum", text_checksum_},          {"classes", reading_.classes},
          {"train_examples", train_.size()},          {"valid_examples", valid_.size()},
          {"vocabulary", reading_.vocabulary.size()}, {"parameters", count_parameters(model_)},
          {"steps_per_epoch", batches_.size()}};
}

StepResult Trainer::train_step(std::int64_t epoch, std::int64_t index) {
  if (epoch != epoch_) order_ = batches_.epoch(epoch_ = epoch);
  const std::vector<std::int64_t>& examples = order_[static_cast<std::size_t>(index)];
  const auto loss = [&](const Classifier& model, const Batch& batch) {
    return cross_entropy(model(batch), batch.labels, {.label_smoothing = options_.label_smoothing});
  };
  if (shards_)
    return learn_shards(examples, [&](const Classifier& model, const auto& some, int) {
      const Batch batch = batch_of(train_, some);
      return ShardLoss<float>{loss(model, batch), static_cast<double>(batch.labels.size())};
    });
  const Batch batch = batch_of(train_, examples);
  return learn(batch.labels.size(), [&](const Classifier& model) { return loss(model, batch); });
}

std::optional<Evaluation> Trainer::evaluate() {
  if (valid_.empty()) return {};
  const auto measure = [&] { return score(model_, valid_, reading_.class_count(), options_.batch); };
  const Scores scores = measure();
  learner_.check_valid(scores.loss, measure);
  return Evaluation{scores.loss, {{"accuracy", *scores.matrix.accuracy()}}};
}

std::string Trainer::report() {
  if (valid_.empty()) return {};
  return describe(*kept_scores(), reading_.classes);
}

const std::optional<Scores>& Trainer::kept_scores() {
  if (kept_scores_) return kept_scores_;
  const auto kept = load_run<TrainOptions, Reading>(find_checkpoint(options_.out));
  return kept_scores_ = score(trained_model(kept), valid_, reading_.class_count(), options_.batch);
}

void Trainer::describe_model(RunDetails& details) {
  const auto& examples = valid_.empty() ? train_ : valid_;
  std::vector<std::int64_t> some(std::min<std::size_t>(examples.size(), 64));
  std::iota(some.begin(), some.end(), 0);
  const Batch batch = batch_of(examples, some);
  add_gates(details, [&] { log_probabilities(model_, batch); });
  if (valid_.empty()) return;
  details.measured_on = fmt::format("{} that did not train", counted(std::ssize(valid_), "example"));
  details.add("", kept_scores()->matrix, reading_.classes);
}

}  // namespace unroll::classify
