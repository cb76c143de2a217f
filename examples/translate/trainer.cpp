#include "translate/trainer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/diagnosis.hpp"
#include "common/memory.hpp"
#include "unroll/data/splits.hpp"
#include "unroll/train/perplexity.hpp"

namespace unroll::translate {
namespace {

AttentionKind kind_of(const std::string& name) {
  if (name == "additive") return AttentionKind::additive;
  if (name == "dot") return AttentionKind::dot;
  return name == "general" ? AttentionKind::general : AttentionKind::scaled_dot;
}

std::string checksum_of_pairs(const PairFiles& files) {
  std::string all;
  for (const auto* pairs : {&files.train, &files.valid})
    for (const TextPair& pair : *pairs) all += pair.source + '\t' + pair.target + '\n';
  return checksum_of(all);
}

void print_run(const TrainOptions& o, const PairFiles& files, const Reading& reading, const Trainer& trainer,
               const Corpus& valid) {
  fmt::print("text        {}: {} train, {} validate ({})\n", o.text, grouped(std::ssize(files.train)),
             counted(std::ssize(files.valid), "pair"),
             o.valid.empty() ? fmt::format("drawn at random by seed {}", o.seed) : o.valid);
  if (files.left_out > 0)
    fmt::print("note: {} left out for having more than {} on a side\n", counted(files.left_out, "pair"),
               counted(o.max_length, "word"));
  fmt::print("vocabulary  {} and {}; of the validation targets, {} unknown\n",
             counted(reading.source.size(), "source " + reading.unit()),
             counted(reading.target.size(), "target " + reading.unit()), grouped(valid.unknown_target));
  fmt::print("batches     {} an epoch, of {}\n", grouped(trainer.steps_per_epoch()),
             counted(o.batch, "pair"));
  fmt::print("model       {}, decoder {}, attention {}\n", o.cell, o.decoder, o.attention);
  fmt::print("training    {}, {} with learning rate {:g}, clip {:g}, dropout {:g}, seed {}, {}\n\n",
             counted(o.epochs, "epoch"), o.optimizer, o.lr, o.clip, o.dropout, o.seed,
             counted(o.threads, "thread"));
  fmt::print("{}\n", trainer.model()->table());
}

}  // namespace

double least_weights(const TrainOptions& o, const Reading& reading) {
  const auto source = static_cast<double>(reading.source.size()),
             target = static_cast<double>(reading.target.size()), hidden = static_cast<double>(o.hidden),
             embedding = static_cast<double>(o.embedding);
  const double output = o.tie ? 0 : target * hidden;
  return (source + target) * embedding + output + hidden * (embedding + o.layers * hidden);
}

Translator new_model(const TrainOptions& options, const Reading& reading) {
  const TrainOptions o = options.resolved();
  check_memory(least_weights(o, reading), o.optimizer,
               fmt::format("--hidden {}, --embedding {}, --layers {}", o.hidden, o.embedding, o.layers));
  Generator rng(o.seed);
  return Translator(o.cell, o.decoder,
                    {.source_symbols = reading.source.size(),
                     .target_symbols = reading.target.size(),
                     .start = *reading.target.start(),
                     .end = *reading.target.end(),
                     .embedding = o.embedding,
                     .hidden = o.hidden,
                     .num_layers = o.layers,
                     .dropout = o.dropout,
                     .attention = kind_of(o.attention),
                     .tie = o.tie},
                    rng);
}

Translator trained_model(const SavedRun& run) {
  Translator model = new_model(run.options, run.reading);
  load_trained(model, run.tensors);
  eval(model);
  return model;
}

PairFiles read_files(const TrainOptions& options) {
  PairFiles files{.train = read_pairs(options.text)};
  if (!options.valid.empty()) {
    files.valid = read_pairs(options.valid);
  } else {
    const std::vector<TextPair> all = std::move(files.train);
    const IndexSplit split = split_at_random(std::ssize(all), options.valid_fraction, options.seed);
    files.train.clear();
    for (const auto k : split.train) files.train.push_back(all[static_cast<std::size_t>(k)]);
    for (const auto k : split.valid) files.valid.push_back(all[static_cast<std::size_t>(k)]);
  }
  const auto before = std::ssize(files.train);
  const Reading reader;
  std::erase_if(files.train, [&](const TextPair& pair) {
    return std::ssize(reader.words(pair.source)) > options.max_length ||
           std::ssize(reader.words(pair.target)) > options.max_length;
  });
  files.left_out = before - std::ssize(files.train);
  if (files.train.empty())
    raise<DataError>("{}: no pair to train with has at most {} on each side; raise --max-length",
                     options.text, counted(options.max_length, "word"));
  return files;
}

Trainer::Trainer(const TrainOptions& options, const PairFiles& files, Reading reading,
                 const SavedRun* earlier)
    : ModelTrainer<TrainOptions, Reading, Translator>(options, reading, checksum_of_pairs(files),
                                                      new_model(options, reading), earlier),
      valid_pairs_(files.valid),
      train_(encode(files.train, reading_)),
      valid_(encode(files.valid, reading_)),
      batches_(train_.lengths(), {.batch = options.batch, .seed = options.seed}) {
  if (options.sampling > 0) truth_ = inverse_sigmoid_decay(options.sampling);
}

std::unique_ptr<Trainer> Trainer::open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init) {
  if (options.text.empty()) raise<UsageError>("--text: name a file of pairs, SOURCE TAB TARGET");
  const PairFiles files = read_files(options);
  if (earlier) check_same_text(options.text, "--text", checksum_of_pairs(files), earlier->text_checksum);
  const auto learn = [&] {
    return Reading::of(files.train, {.lowercase = options.lowercase,
                                     .min_count = options.min_count,
                                     .level = level_named(options.level),
                                     .vocabulary = options.vocabulary,
                                     .normalise = normalisation_named(options.normalise)});
  };
  const Reading reading = earlier                   ? earlier->reading
                          : !init                   ? learn()
                          : options.grow_vocabulary ? init->reading.grown(files.train, options.min_count)
                                                    : init->reading;
  auto trainer = std::make_unique<Trainer>(options, files, reading, earlier);
  if (init) trainer->begin_with(trained_model(*init));
  print_run(options, files, reading, *trainer, trainer->valid_);
  return trainer;
}

nlohmann::ordered_json Trainer::configuration() const {
  return {{"text_checksum", text_checksum_},        {"train_pairs", train_.size()},
          {"valid_pairs", valid_.size()},           {"source_words", reading_.source.size()},
          {"target_words", reading_.target.size()}, {"parameters", count_parameters(model_)},
          {"steps_per_epoch", batches_.size()}};
}

StepResult Trainer::train_step(std::int64_t epoch, std::int64_t index) {
  if (epoch != epoch_) epoch_batches_ = batches_.epoch(epoch), epoch_ = epoch;
  const std::vector<std::int64_t>& pairs = epoch_batches_[static_cast<std::size_t>(index)];
  SequenceLossOptions options{.label_smoothing = options_.label_smoothing};
  if (truth_) {
    const auto step = static_cast<std::uint64_t>(epoch * batches_.size() + index);
    options.sampling = {.rate = 1 - (*truth_)(step), .key = {.seed = options_.seed, .step = step}};
  }
  if (shards_)
    return learn_shards(pairs, [&](const Translator& model, const auto& some, int shard) {
      SequenceLossOptions own = options;
      own.sampling.key.layer += static_cast<std::uint32_t>(shard);
      const SequencePairs batch = make_batch(train_, some);
      return ShardLoss<float>{model->loss(batch, own), static_cast<double>(symbols_in(batch))};
    });
  const SequencePairs batch = make_batch(train_, pairs);
  return learn(symbols_in(batch), [&](const Translator& model) { return model->loss(batch, options); });
}

std::optional<Evaluation> Trainer::evaluate() {
  if (valid_.size() == 0) return {};
  Translator reader = model_;
  eval(reader);
  const Quality q = measure(reader, reading_, valid_, {});
  learner_.check_valid(q.loss, [&] { measure(reader, reading_, valid_, {}); });
  return Evaluation{
      q.loss, {{"perplexity", std::exp(q.loss)}, {"exact", q.exact_share()}, {"bleu", 100 * q.bleu.score()}}};
}

std::string Trainer::example() {
  Translator reader = model_;
  eval(reader);
  const Corpus& from = valid_.size() > 0 ? valid_ : train_;
  std::string text;
  for (const std::int64_t k : {from.size() / 4, from.size() / 2, from.size() * 3 / 4}) {
    const SequencePairs one = make_batch(from, {&k, 1});
    const Words source = reading_.words_of(from.source[static_cast<std::size_t>(k)], Side::source);
    text += fmt::format("{}  | {} → {} ({})", text.empty() ? "" : "\n", joined(source),
                        joined(words_of(translate(reader, reading_, one, {})[0][0], reading_)),
                        joined(from.references[static_cast<std::size_t>(k)]));
  }
  return text;
}

void Trainer::describe_model(RunDetails& details) {
  Translator reader = model_;
  eval(reader);
  const Corpus& from = valid_.size() > 0 ? valid_ : train_;
  const std::int64_t first = 0;
  add_gates(details, [&] { reader->loss(make_batch(from, {&first, 1}), {}); });
  for (const std::int64_t k :
       {from.size() / 8, from.size() * 3 / 8, from.size() * 5 / 8, from.size() * 7 / 8}) {
    SequencePairs pair = make_batch(from, {&k, 1});
    const Hypothesis best = translate(reader, reading_, pair, {})[0][0];
    pair.target = Indices({std::ssize(best.symbols), 1}, best.symbols);
    pair.target_lengths = {std::ssize(best.symbols)};
    const Variable<float> weights = reader->alignment(pair);
    if (!weights || weights.size() == 0) return;  // the decoder does not attend
    RunDetails::Alignment alignment{.target = words_of(best, reading_)};
    for (const auto id : from.source[static_cast<std::size_t>(k)])
      alignment.source.push_back(reading_.source.symbol(id));
    alignment.target.emplace_back("(end)");
    alignment.weights.assign(weights.data(), weights.data() + weights.size());
    if (alignment.weights.size() == alignment.source.size() * alignment.target.size())
      details.alignments.push_back(std::move(alignment));
  }
}

}  // namespace unroll::translate
