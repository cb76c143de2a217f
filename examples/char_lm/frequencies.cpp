#include "char_lm/frequencies.hpp"

#include <cmath>

#include "unroll/autograd/error.hpp"

namespace unroll::char_lm {
namespace {

std::vector<std::int64_t> count_ids(const SymbolIds& ids, std::int64_t vocabulary) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(vocabulary));
  ids.for_each([&](std::int64_t symbol) {
    if (symbol < 0 || symbol >= vocabulary)
      raise<IndexError>("frequency_loss: symbol {} is not in [0, {})", symbol, vocabulary);
    ++counts[static_cast<std::size_t>(symbol)];
  });
  return counts;
}

}  // namespace

double frequency_loss(const SymbolIds& train, const SymbolIds& valid, std::int64_t vocabulary) {
  const auto learned = count_ids(train, vocabulary), met = count_ids(valid, vocabulary);
  const auto total = static_cast<double>(train.size() + vocabulary);
  double sum = 0;
  for (std::size_t s = 0; s < met.size(); ++s)
    if (met[s] > 0)
      sum -= static_cast<double>(met[s]) * std::log((static_cast<double>(learned[s]) + 1) / total);
  return valid.size() == 0 ? 0 : sum / static_cast<double>(valid.size());
}

}  // namespace unroll::char_lm
