#include "char_lm/activity.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace unroll::char_lm {
namespace {

/// Which member of a state to record.
/// Errors: UsageError.
std::size_t member_number(const CarriedState& state, const std::string& name) {
  if (name.empty()) return state.output_number;
  std::string names;
  for (std::size_t k = 0; k < state.members.size(); ++k) {
    if (state.members[k].name == name) return k;
    names += (k > 0 ? ", " : "") + state.members[k].name;
  }
  raise<UsageError>("--state: the cell has no '{}'; its state has: {}", name, names);
}

/// Errors: UsageError for a layer that there is not.
std::vector<std::int64_t> chosen_layers(const std::vector<std::int64_t>& wished, std::int64_t layers) {
  std::vector<std::int64_t> chosen = wished;
  if (chosen.empty()) {
    chosen.resize(static_cast<std::size_t>(layers));
    std::iota(chosen.begin(), chosen.end(), 1);
  }
  for (const std::int64_t layer : chosen)
    if (layer < 1 || layer > layers)
      raise<UsageError>("--layer: the model has {} layers; got {}", layers, layer);
  return chosen;
}

/// Takes down each step; sizes are known after the first.
class Recorder {
 public:
  Recorder(const ActivityOptions& options, std::size_t steps) : options_(options), steps_(steps) {}

  void take(const CarriedState& state) {
    if (step_ == 0) begin(state);
    const Variable<float>& member = state.members[member_].variable;
    const float* values = member.data();
    std::size_t unit = 0;
    for (const Unit& u : activity_.units)
      activity_.values[unit++ * steps_ + step_] = values[(u.layer - 1) * width_ + u.number - 1];
    ++step_;
  }
  Activity& activity() { return activity_; }

 private:
  void begin(const CarriedState& state) {
    member_ = member_number(state, options_.member);
    const Variable<float>& member = state.members[member_].variable;
    const std::int64_t layers = member.shape()[0];
    width_ = member.size() / layers;
    for (const std::int64_t layer : chosen_layers(options_.layers, layers))
      for (std::int64_t number = 1; number <= width_; ++number) activity_.units.push_back({layer, number});
    if (activity_.units.size() > (std::size_t{1} << 28) / steps_)
      raise<UsageError>("{} units over {} symbols are too many; choose a --layer, or --ranked fewer symbols",
                        activity_.units.size(), steps_);
    activity_.member = state.members[member_].name;
    activity_.steps = static_cast<std::int64_t>(steps_);
    activity_.values.resize(activity_.units.size() * steps_);
  }

  const ActivityOptions& options_;
  std::size_t steps_, step_ = 0, member_ = 0;
  std::int64_t width_ = 0;
  Activity activity_;
};

std::array<Guess, guess_count> likeliest(std::span<const float> logits, double log_sum) {
  std::vector<std::int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const std::size_t count = std::min(order.size(), guess_count);
  const auto logit = [&](std::int64_t k) { return logits[static_cast<std::size_t>(k)]; };
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(count), std::greater{}, logit);
  std::array<Guess, guess_count> guesses{};
  for (std::size_t k = 0; k < count; ++k)
    guesses[k] = {order[k], static_cast<float>(std::exp(logit(order[k]) - log_sum))};
  return guesses;
}

double log_sum_exp(std::span<const float> logits) {
  const double top = std::ranges::max(logits);
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - top);
  return top + std::log(sum);
}

}  // namespace

Activity record_activity(const LanguageModel& model, const std::vector<std::int64_t>& symbols,
                         const ActivityOptions& options) {
  const NoGrad no_grad;
  Recorder recorder(options, symbols.size());
  Activity& activity = recorder.activity();
  CarriedState state;
  for (std::size_t t = 0; t < symbols.size(); ++t) {
    if (t % static_cast<std::size_t>(options.window) == 0) state = model.carried(state);
    const Variable<float> output = model(Indices({1, 1}, {symbols[t]}), state);
    recorder.take(state);
    const std::span logits(output.data(), static_cast<std::size_t>(output.size()));
    const double log_sum = log_sum_exp(logits);
    activity.guesses.push_back(likeliest(logits, log_sum));
    if (t + 1 < symbols.size())
      activity.nats += (log_sum - logits[static_cast<std::size_t>(symbols[t + 1])]) /
                       static_cast<double>(symbols.size() - 1);
  }
  return activity;
}

}  // namespace unroll::char_lm
