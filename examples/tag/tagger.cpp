#include "tag/tagger.hpp"

#include <nlohmann/json.hpp>
#include <numeric>

#include "common/diagnosis.hpp"
#include "common/memory.hpp"
#include "tag/scores.hpp"
#include "unroll/layers/summary.hpp"

namespace unroll::tag {
namespace {

std::string serial(const std::vector<TaggedSentence>& sentences) {
  std::string text;
  for (const auto& sentence : sentences) {
    for (std::size_t k = 0; k < sentence.words.size(); ++k)
      text += sentence.words[k] + '\t' + sentence.tags[k] + '\n';
    text += '\n';
  }
  return text;
}

Texts read_texts(const TrainOptions& options) {
  if (options.text.empty()) raise<UsageError>("--text: name the file to learn");
  Texts texts{.train = read_tagged(options.text), .valid = {}, .checksum = {}};
  if (!options.valid.empty()) texts.valid = read_tagged(options.valid);
  texts.checksum = checksum_of(serial(texts.train) + '\f' + serial(texts.valid));
  return texts;
}

ModelOptions model_options(const TrainOptions& o, const Reading& reading) {
  return {.choice = o,
          .words = o.features == "chars" ? 0 : reading.words.size(),
          .word_embedding = o.embedding,
          .characters = o.features == "words" ? 0 : reading.characters.size(),
          .character_embedding = o.char_embedding,
          .character_hidden = o.char_hidden,
          .hidden = o.hidden,
          .tags = reading.tags.size(),
          .label_smoothing = o.label_smoothing};
}

}  // namespace

double least_weights(const TrainOptions& options, const Reading& reading) {
  return count_weights(model_options(options, reading));
}

TagModel new_model(const TrainOptions& o, const Reading& reading) {
  const ModelOptions sizes = model_options(o, reading);
  check_memory(count_weights(sizes), o.optimizer,
               fmt::format("--hidden {}, --embedding {}, --char-hidden {}, --layers {}", o.hidden,
                           o.embedding, o.char_hidden, o.layers));
  Generator rng(o.seed);
  return {sizes, rng};
}

TagModel trained_model(const SavedRun& run) {
  TagModel model = new_model(run.options, run.reading);
  load_trained(model, run.tensors);
  eval(model);
  return model;
}

Tagger::Tagger(const TrainOptions& options, const Texts& texts, Reading reading, const SavedRun* earlier)
    : ModelTrainer(options, reading, texts.checksum, new_model(options, reading), earlier),
      train_(encode(texts.train, reading)),
      valid_(encode(texts.valid, reading)),
      batches_(train_.lengths(), {.batch = options.batch, .seed = options.seed}) {}

std::unique_ptr<Tagger> Tagger::open(const TrainOptions& options, const SavedRun* earlier,
                                     const SavedRun* init) {
  const Texts texts = read_texts(options);
  if (earlier) check_same_text(options.text, "--text and --valid", texts.checksum, earlier->text_checksum);
  const auto learn = [&] {
    return Reading::of(texts.train, options.min_count, normalisation_named(options.normalise));
  };
  const Reading reading = earlier                   ? earlier->reading
                          : !init                   ? learn()
                          : options.grow_vocabulary ? init->reading.grown(texts.train, options.min_count)
                                                    : init->reading;
  auto tagger = std::make_unique<Tagger>(options, texts, reading, earlier);
  if (init) tagger->begin_with(trained_model(*init));
  tagger->print();
  return tagger;
}

void Tagger::print() const {
  const auto sizes = [](const Corpus& corpus) {
    return fmt::format("{}, {}", counted(std::ssize(corpus.words), "sentence"),
                       counted(corpus.tokens, "word"));
  };
  fmt::print("text        {}: {}, {} different\n", options_.text, sizes(train_),
             grouped(std::ssize(train_.types)));
  if (valid_.tokens > 0) fmt::print("validation  {}: {}\n", options_.valid, sizes(valid_));
  if (valid_.unknown_tags > 0)
    fmt::print("note: {}: {} with a tag that does not occur in training, such as {}: they count as missed\n",
               options_.valid, counted(valid_.unknown_tags, "word"), valid_.first_unknown_tag);
  fmt::print("{}", note_of_longest(train_.lengths(), "sentence", "word"));
  fmt::print("known       {}, {}, {}\n", counted(reading_.words.size() - 1, "word"),
             counted(reading_.characters.size() - 1, "character"), counted(reading_.tags.size(), "tag"));
  fmt::print("training    {} of {} in batches of {}, {} with learning rate {:g}, seed {}, {}\n\n",
             counted(options_.epochs, "epoch"), counted(batches_.size(), "step"), options_.batch,
             options_.optimizer, options_.lr, options_.seed, counted(options_.threads, "thread"));
  fmt::print("{}\n", summary(model_));
}

nlohmann::ordered_json Tagger::configuration() const {
  return {{"text_checksum", text_checksum_},
          {"sentences", train_.words.size()},
          {"words", train_.tokens},
          {"known_words", reading_.words.size() - 1},
          {"tags", reading_.tags.size()},
          {"parameters", count_parameters(model_)},
          {"steps_per_epoch", batches_.size()}};
}

StepResult Tagger::train_step(std::int64_t epoch, std::int64_t index) {
  if (epoch != epoch_) order_ = batches_.epoch(epoch), epoch_ = epoch;
  const auto step = static_cast<std::uint64_t>(epoch * batches_.size() + index);
  const auto batch_of = [&](const std::vector<std::int64_t>& sentences, int shard) {
    return make_batch(
        train_, sentences,
        {.share = options_.word_dropout,
         .unknown = *reading_.words.unknown(),
         .key = {.seed = options_.seed, .step = step, .layer = static_cast<std::uint32_t>(shard)}});
  };
  const std::vector<std::int64_t>& sentences = order_[static_cast<std::size_t>(index)];
  if (shards_)
    return learn_shards(sentences, [&](const TagModel& model, const auto& some, int shard) {
      const Batch batch = batch_of(some, shard);
      return ShardLoss<float>{model.loss(batch), static_cast<double>(batch.tokens)};
    });
  const Batch batch = batch_of(sentences, 0);
  return learn(batch.tokens, [&](const TagModel& model) { return model.loss(batch); });
}

std::optional<Evaluation> Tagger::evaluate() {
  if (valid_.tokens == 0) return {};
  const auto measure = [&] { return score(model_, valid_, reading_, options_.valid); };
  const Scores scores = measure();
  learner_.check_valid(scores.loss, measure);
  Evaluation result{scores.loss, {{"accuracy", scores.accuracy()}}};
  if (const auto unknown = scores.unknown_accuracy()) result.figures.emplace_back("unknown_words", *unknown);
  return result;
}

void Tagger::describe_model(RunDetails& details) {
  const Corpus& corpus = valid_.tokens > 0 ? valid_ : train_;
  std::vector<std::int64_t> some(
      static_cast<std::size_t>(std::min<std::ptrdiff_t>(std::ssize(corpus.words), 32)));
  std::iota(some.begin(), some.end(), 0);
  TagModel reader = model_;  // shares the parameters
  eval(reader);
  add_gates(details, [&] { reader(make_batch(corpus, some)); });
  if (valid_.tokens == 0) return;
  const auto kept = load_run<TrainOptions, Reading>(find_checkpoint(options_.out));
  const Scores scores = score(trained_model(kept), valid_, reading_, options_.valid);
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < reading_.tags.size(); ++k) names.push_back(reading_.tags.symbol(k));
  details.measured_on =
      fmt::format("{}: {}, {}", options_.valid, counted(std::ssize(valid_.words), "sentence"),
                  counted(valid_.tokens, "word"));
  details.add("", scores.matrix, names);
}

}  // namespace unroll::tag
