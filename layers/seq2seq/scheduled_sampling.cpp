#include "unroll/layers/scheduled_sampling.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/views.hpp"
#include "unroll/layers/sampling.hpp"

namespace unroll {

template <class T>
Indices scheduled_inputs(const Indices& truth, const Variable<T>& logits, const ScheduledSampling& sampling,
                         index_t t) {
  if (!(sampling.rate >= 0 && sampling.rate <= 1))
    raise<UsageError>("scheduled sampling: need a rate from 0 to 1; got {}", sampling.rate);
  if (t < 0 || t > index_t{1} << 40)
    raise<UsageError>("scheduled sampling: need a step t from 0 to 2^40; got {}", t);
  const index_t batch = truth.size();
  if (logits.rank() != 2 || logits.shape()[0] != batch)
    raise<ShapeError>("scheduled sampling: need logits ({}, V); got {}", batch, logits.shape().str());
  const Variable<T> rows = dense(logits);
  RandomKey key = sampling.key;  // two numbers for each symbol: whether to draw, and which
  key.first = t * 2 * batch;
  std::vector<std::uint32_t> words(static_cast<std::size_t>(2 * batch));
  random_words(key, words);
  std::vector<std::int64_t> symbols(truth.begin(), truth.end());
  const auto cols = static_cast<std::size_t>(logits.shape()[1]);
  for (std::size_t b = 0; b < symbols.size(); ++b) {
    if (words[2 * b] * 0x1p-32 >= sampling.rate) continue;
    symbols[b] =
        draw_symbol(std::span<const T>(rows.data() + b * cols, cols), {}, words[2 * b + 1] * 0x1p-32);
  }
  return symbols;
}

UNROLL_COMPILE_FUNCTIONS(scheduled_inputs)

}  // namespace unroll
