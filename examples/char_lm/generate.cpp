#include "char_lm/generate.hpp"

#include <limits>

namespace unroll::char_lm {

void generate(const LanguageModel& model, const Vocabulary& vocabulary, std::int64_t window,
              std::vector<std::int64_t> prime, std::int64_t length, const SamplingOptions& options,
              Generator& rng, const std::function<void(const std::string&)>& emit) {
  const NoGrad no_grad;
  if (prime.empty()) prime = {vocabulary.find("\n").value_or(vocabulary.size() - 1)};
  CarriedState state;
  std::int64_t in_window = 0;
  std::vector<float> logits(static_cast<std::size_t>(vocabulary.size()));
  for (std::int64_t k = 0; k < length; ++k) {
    const auto steps = static_cast<index_t>(prime.size());
    if (in_window + steps > window) state = model.carried(state), in_window = 0;
    in_window += steps;
    const Variable<float> output = model(Indices({steps, 1}, std::move(prime)), state);
    const auto value = output.value();
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = value(steps - 1, 0, i);
    if (const auto unknown = vocabulary.unknown())
      logits[static_cast<std::size_t>(*unknown)] = -std::numeric_limits<float>::infinity();
    const std::int64_t drawn = draw_symbol(logits, options, rng.uniform());
    emit(vocabulary.symbol(drawn));
    prime = {drawn};
  }
}

}  // namespace unroll::char_lm
