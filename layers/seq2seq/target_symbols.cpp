#include "unroll/layers/target_symbols.hpp"

#include "unroll/detail/layers/base/checks.hpp"

namespace unroll {

TargetSymbols target_symbols(const Indices& targets, const Indices& lengths, std::int64_t start,
                             std::int64_t end) {
  const Shape& shape = targets.shape();
  if (shape.rank() != 2 || !(lengths.shape() == Shape{shape[1]}))
    raise<ShapeError>("target_symbols: need targets (T, B) and lengths (B,); got {} and {}", shape.str(),
                      lengths.shape().str());
  const index_t time = shape[0], batch = shape[1];
  detail::check_lengths("target_symbols", lengths, time);
  std::vector<std::int64_t> inputs, longer, rows, expected;
  for (const std::int64_t n : lengths) longer.push_back(n + 1);
  for (index_t t = 0; t <= time; ++t) {
    for (index_t b = 0; b < batch; ++b) {
      const bool begun = t > 0 && t <= lengths[b];
      inputs.push_back(begun ? targets[(t - 1) * batch + b] : start);
      if (t > lengths[b]) continue;
      rows.push_back(t * batch + b);
      expected.push_back(t < lengths[b] ? targets[t * batch + b] : end);
    }
  }
  return {Indices({time + 1, batch}, std::move(inputs)), longer, rows, expected};
}

}  // namespace unroll
