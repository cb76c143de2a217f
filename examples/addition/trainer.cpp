#include "addition/trainer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/diagnosis.hpp"
#include "common/memory.hpp"
#include "unroll/layers/summary.hpp"

namespace unroll::addition {
namespace {

Model new_model(const TrainOptions& o) {
  check_memory(least_weights(o, {}), o.optimizer, fmt::format("--hidden {}", o.hidden));
  Generator rng(o.seed);
  return Model({.source_symbols = source_symbols,
                .target_symbols = target_symbols,
                .start = start,
                .end = end,
                .embedding = 32,
                .hidden = o.hidden,
                .dropout = o.dropout},
               rng);
}

// The generator that the sums of a step are drawn from; 0 is for tests.
Generator generator_of(const TrainOptions& o, std::uint64_t number) {
  Generator rng(o.seed);
  rng.set_state({o.seed, (number + 1) << 32});
  return rng;
}

std::int64_t symbols_in(const SequencePairs& batch) {
  std::int64_t count = batch.target_lengths.size();
  for (const auto n : batch.target_lengths) count += n;
  return count;
}

}  // namespace

double least_weights(const TrainOptions& options, const Reading&) {
  const auto hidden = static_cast<double>(options.hidden);
  return 3 * hidden * hidden;
}

Model trained_model(const SavedRun& run) {
  Model model = new_model(run.options);
  load_trained(model, run.tensors);
  eval(model);
  return model;
}

std::vector<std::string> answers(const Model& model, const Reading& reading, const std::vector<Sum>& sums) {
  const NoGrad off;
  const SequencePairs batch = reading.batch(sums);
  std::vector<std::string> all;
  for (const Hypothesis& h :
       greedy(model, model.begin(batch.source, batch.source_lengths),
              {.start = start, .end = end, .max_length = reading.digits + 2, .forbidden = {start}})) {
    std::string digits;
    for (const auto d : h.symbols) digits += static_cast<char>('0' + d);
    all.push_back(std::move(digits));
  }
  return all;
}

double share_right(const std::vector<std::string>& answers, const std::vector<Sum>& sums) {
  double right = 0;
  for (std::size_t k = 0; k < sums.size(); ++k) right += answers[k] == std::to_string(sums[k].a + sums[k].b);
  return right / static_cast<double>(sums.size());
}

Trainer::Trainer(const TrainOptions& options, const SavedRun* earlier)
    : ModelTrainer<TrainOptions, Reading, Model>(options,
                                                 {.digits = options.digits, .reversed = options.reversed}, "",
                                                 new_model(options), earlier) {
  Generator rng = generator_of(options_, 0);
  tests_ = reading_.tests(options_.tests, rng);
}

std::unique_ptr<Trainer> Trainer::open(const TrainOptions& o, const SavedRun* earlier, const SavedRun* init) {
  if (o.grow_vocabulary) raise<UsageError>("--grow-vocabulary: the symbols of sums are always the same");
  auto trainer = std::make_unique<Trainer>(o, earlier);
  if (init) trainer->begin_with(trained_model(*init));
  fmt::print("sums        of numbers of up to {}{}, {} a step; one in twenty is held out to test\n",
             counted(o.digits, "digit"), o.reversed ? ", read from the end" : "", grouped(o.batch));
  fmt::print("training    {} of {}, {} with learning rate {:g}, clip {:g}, seed {}, {}\n\n",
             counted(o.epochs, "epoch"), counted(o.steps, "step"), o.optimizer, o.lr, o.clip, o.seed,
             counted(o.threads, "thread"));
  fmt::print("{}\n", summary(trainer->model()));
  return trainer;
}

nlohmann::ordered_json Trainer::configuration() const {
  return {{"text_checksum", text_checksum_}, {"parameters", count_parameters(model_)}};
}

StepResult Trainer::train_step(std::int64_t epoch, std::int64_t index) {
  Generator rng = generator_of(options_, static_cast<std::uint64_t>(1 + epoch * options_.steps + index));
  const std::vector<Sum> sums = reading_.practice(options_.batch, rng);
  const auto loss = [&](const Model& model, const SequencePairs& batch) {
    return model.loss(batch, {.label_smoothing = options_.label_smoothing});
  };
  if (shards_)
    return learn_shards(sums, [&](const Model& model, const std::vector<Sum>& some, int) {
      const SequencePairs batch = reading_.batch(some);
      return ShardLoss<float>{loss(model, batch), static_cast<double>(symbols_in(batch))};
    });
  const SequencePairs batch = reading_.batch(sums);
  return learn(symbols_in(batch), [&](const Model& model) { return loss(model, batch); });
}

std::optional<Evaluation> Trainer::evaluate() {
  const NoGrad off;
  Model reader = model_;
  eval(reader);
  const SequencePairs batch = reading_.batch(tests_);
  const double loss = double{reader.loss(batch).item()};
  learner_.check_valid(loss, [&] { reader.loss(batch); });
  return Evaluation{loss, {{"exact", share_right(answers(reader, reading_, tests_), tests_)}}};
}

void Trainer::describe_model(RunDetails& details) {
  Model reader = model_;
  eval(reader);
  const std::vector<Sum> some(tests_.begin(),
                              tests_.begin() + std::min<std::ptrdiff_t>(64, std::ssize(tests_)));
  program::add_gates(details, [&] { reader.loss(reading_.batch(some)); });
}

std::string Trainer::example() {
  Model reader = model_;
  eval(reader);
  const std::vector<Sum> some(tests_.begin(),
                              tests_.begin() + std::min<std::ptrdiff_t>(4, std::ssize(tests_)));
  const auto said = answers(reader, reading_, some);
  std::string text;
  for (std::size_t k = 0; k < some.size(); ++k) {
    const std::string right = std::to_string(some[k].a + some[k].b);
    text += fmt::format("{}  | {}+{} = {}{}", k == 0 ? "" : "\n", some[k].a, some[k].b, said[k],
                        said[k] == right ? "" : fmt::format("  (no: {})", right));
  }
  return text;
}

}  // namespace unroll::addition
