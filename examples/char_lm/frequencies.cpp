#include "char_lm/frequencies.hpp"

#include <cmath>
#include <vector>

#include "unroll/autograd/error.hpp"

namespace unroll::char_lm {

double frequency_loss(std::span<const std::int64_t> train, std::span<const std::int64_t> valid,
                      std::int64_t vocabulary) {
  std::vector<double> counts(static_cast<std::size_t>(vocabulary), 1);
  const auto times = [&](std::int64_t symbol) -> double& {
    if (symbol < 0 || symbol >= vocabulary)
      raise<IndexError>("frequency_loss: symbol {} is not in [0, {})", symbol, vocabulary);
    return counts[static_cast<std::size_t>(symbol)];
  };
  for (const std::int64_t symbol : train) ++times(symbol);
  const auto total = static_cast<double>(std::ssize(train) + vocabulary);
  double sum = 0;
  for (const std::int64_t symbol : valid) sum -= std::log(times(symbol) / total);
  return valid.empty() ? 0 : sum / static_cast<double>(valid.size());
}

}  // namespace unroll::char_lm
