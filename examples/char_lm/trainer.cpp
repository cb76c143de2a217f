#include "examples/char_lm/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "examples/char_lm/generate.hpp"
#include "optim/adagrad.hpp"
#include "optim/adam.hpp"
#include "optim/adamw.hpp"
#include "optim/clip.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "train/state_dict.hpp"

namespace unroll::char_lm {
namespace {

using Parameters = std::vector<Variable<float>>;
using OptimizerPointer = std::unique_ptr<Optimizer<float>>;

template <class Rule, class Options>
OptimizerPointer make_rule(const Parameters& parameters, double lr) {
  return std::make_unique<Rule>(parameters, Options{.lr = lr});
}

const std::map<std::string, std::function<OptimizerPointer(const Parameters&, double)>> optimizers = {
    {"sgd", make_rule<Sgd<float>, SgdOptions>},
    {"adagrad", make_rule<Adagrad<float>, AdagradOptions>},
    {"rmsprop", make_rule<RmsProp<float>, RmsPropOptions>},
    {"adam", make_rule<Adam<float>, AdamOptions>},
    {"adamw", make_rule<AdamW<float>, AdamWOptions>}};

OptimizerPointer make_optimizer(const TrainOptions& options, const Parameters& parameters) {
  const auto found = optimizers.find(options.optimizer);
  if (found != optimizers.end()) return found->second(parameters, options.lr);
  fail<UsageError>("--optimizer: there is no '{}'; there are {}", options.optimizer, names_of(optimizers));
}

/// The training part of a corpus, or the validation part.
Streams streams_of(const Corpus& corpus, const TrainOptions& options, bool valid) {
  const auto& ids = corpus.symbols.ids;
  const auto middle = ids.begin() + split_by_position(std::ssize(ids), options.valid_fraction).train;
  std::vector<std::int64_t> part(valid ? middle : ids.begin(), valid ? ids.end() : middle);
  const auto name = fmt::format("{} ({} part)", corpus.name, valid ? "validation" : "training");
  return {std::move(part), options.batch, options.seq_length, name};
}

bool all_finite(const Variable<float>& v) {
  const auto values = v.value();
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

/// A parameter that is not finite, or else the op that is the first to make something that is not when
/// `again` does once more what went wrong.
std::string first_cause(const Parameters& parameters, const std::function<void()>& again) {
  for (const auto& p : parameters)
    if (!all_finite(p)) return fmt::format("the parameter {} is not finite", p.name());
  try {
    const AnomalyMode anomaly(true);
    again();
  } catch (const Error& error) {
    return error.what();
  }
  return "no op: each gradient is finite, and only their norm is not";
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, const Corpus& corpus, Reading reading, RunFolder folder,
                 const SavedRun* earlier)
    : options_(options),
      reading_(std::move(reading)),
      text_checksum_(corpus.checksum),
      folder_(std::move(folder)),
      model_(new_model(options, reading_.vocabulary)),
      parameters_(variables(parameters(model_))),
      optimizer_(make_optimizer(options, parameters_)),
      train_(streams_of(corpus, options, false)) {
  if (options.valid_fraction > 0) valid_ = streams_of(corpus, options, true);
  if (!earlier) return;
  load_state(model_, earlier->tensors, {.prefix = "model"});
  load_state(*optimizer_, earlier->tensors, "optimizer");
  state_ = load_carried(earlier->tensors);
}

StepResult Trainer::train_step(std::int64_t index) {
  if (index == 0) state_.clear();
  const LanguageModel before = model_;  // shares the parameters; its masks are those of this step
  CarriedState start = state_;
  const Window window = train_.window(index);

  const Variable<float> loss = model_.loss(window, state_);
  loss.backward();
  const double norm = clip_grad_norm(parameters_, options_.clip > 0 ? options_.clip : HUGE_VAL);
  const StepResult result{loss.item(), norm, std::ssize(window.targets)};
  if (!std::isfinite(result.loss) || !std::isfinite(norm))
    fail_diverged(
        fmt::format("loss {}, gradient norm {}", std::abs(result.loss), std::abs(norm)),  // no "-nan"
        [&] { before.loss(window, start).backward(); });
  optimizer_->step();
  optimizer_->zero_grad();
  return result;
}

void Trainer::fail_diverged(const std::string& what, const std::function<void()>& again) const {
  const auto kept = folder_.holds_run() ? fmt::format("the last good checkpoint is {}", folder_.last())
                                        : std::string("there is no checkpoint yet");
  fail<Error>("training has diverged: {}\n  first cause: {}\n  {}", what, first_cause(parameters_, again),
              kept);
}

std::optional<double> Trainer::evaluate() {
  if (!valid_) return {};
  const double loss = mean_loss(model_, *valid_);
  if (!std::isfinite(loss))
    fail_diverged(fmt::format("validation loss {}", std::abs(loss)), [&] { mean_loss(model_, *valid_); });
  return loss;
}

std::string Trainer::example() {
  const std::int64_t length = reading_.level == Level::word ? 40 : 200;
  LanguageModel reader = model_;
  eval(reader);
  Generator rng(options_.seed);  // the same for every example, so that they can be compared
  std::string text = "  | ";
  generate(reader, reading_.vocabulary, {}, length, {.temperature = 0.8}, rng,
           [&](const std::string& symbol) { text += symbol == "\n" ? "\n  | " : symbol; });
  return encode_text(text, reading_.encoding);
}

void Trainer::save(const LoopState& state, bool best) {
  // The last update may have spoilt what the loss before it did not show.
  if (!std::all_of(parameters_.begin(), parameters_.end(), all_finite))
    fail_diverged(fmt::format("after step {}", state.step), [] {});
  SavedRun run{options_, reading_, text_checksum_, state, io::TensorFile("checkpoint")};
  save_state(model_, run.tensors, {.prefix = "model"});
  save_state(*optimizer_, run.tensors, "optimizer");
  save_carried(state_, run.tensors);
  if (best) save_run(folder_.best(), run);
  save_run(folder_.last(), run);
}

}  // namespace unroll::char_lm
